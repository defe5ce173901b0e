import { z } from 'zod'
import type { GatewayError, Reason } from '../../error/index.ts'

/** Schema of the body of an error. */
export const errorAnswer = z.object({
  success: z.literal(false),
  error: z.object({ code: z.string(), message: z.string() }),
})

/** The code of each reason. Reasons of the same status share one where the API has no finer words. */
const codes = {
  invalid_request: 'BAD_REQUEST',
  unsupported_field: 'BAD_REQUEST',
  unsupported_operation: 'BAD_REQUEST',
  unauthenticated: 'UNAUTHORIZED',
  permission_denied: 'FORBIDDEN',
  not_found: 'NOT_FOUND',
  model_not_found: 'NOT_FOUND',
  method_not_allowed: 'METHOD_NOT_ALLOWED',
  request_timeout: 'REQUEST_TIMEOUT',
  conflict: 'CONFLICT',
  payload_too_large: 'PAYLOAD_TOO_LARGE',
  unsupported_media_type: 'UNSUPPORTED_MEDIA_TYPE',
  unprocessable: 'UNPROCESSABLE',
  rate_limited: 'RATE_LIMITED',
  insufficient_quota: 'RATE_LIMITED',
  client_closed: 'CLIENT_CLOSED',
  internal: 'INTERNAL',
  provider_credential: 'PROVIDER_ERROR',
  provider_error: 'PROVIDER_ERROR',
  provider_unreachable: 'PROVIDER_ERROR',
  provider_interrupted: 'PROVIDER_ERROR',
  provider_unavailable: 'UNAVAILABLE',
  overloaded: 'UNAVAILABLE',
  store_unavailable: 'UNAVAILABLE',
  shutting_down: 'UNAVAILABLE',
  timeout: 'TIMEOUT',
} as const satisfies Record<Reason, string>

/** The `error` object of the envelope, and of the frame that ends a failed stream. */
export function errorObject(error: GatewayError): { readonly code: string; readonly message: string } {
  return { code: codes[error.reason], message: error.message }
}

/** The body of an error. */
export function errorBody(error: GatewayError): string {
  return JSON.stringify({ success: false, error: errorObject(error) })
}
