import { z } from 'zod'
import type { GatewayError, Reason } from '../../error/index.ts'

/** Schema of the body of an error. */
export const errorAnswer = z.object({
  status: z.literal('error'),
  error: z.object({
    code: z.string(),
    message: z.string(),
    details: z.object({ param: z.string().optional(), timer: z.string().optional() }).optional(),
  }),
  meta: z.object({ request_id: z.string() }),
})

/** The code of each reason. Reasons of the same status share one where the API has no finer words. */
const codes = {
  invalid_request: 'invalid_request',
  unsupported_field: 'invalid_request',
  unsupported_operation: 'invalid_request',
  unauthenticated: 'unauthorized',
  permission_denied: 'forbidden',
  not_found: 'not_found',
  model_not_found: 'not_found',
  method_not_allowed: 'method_not_allowed',
  request_timeout: 'request_timeout',
  conflict: 'conflict',
  payload_too_large: 'payload_too_large',
  unsupported_media_type: 'unsupported_media_type',
  unprocessable: 'unprocessable',
  rate_limited: 'rate_limited',
  insufficient_quota: 'rate_limited',
  client_closed: 'client_closed',
  internal: 'internal',
  provider_credential: 'backend_error',
  provider_error: 'backend_error',
  provider_unreachable: 'backend_error',
  provider_interrupted: 'backend_error',
  provider_unavailable: 'backend_unavailable',
  overloaded: 'backend_unavailable',
  store_unavailable: 'backend_unavailable',
  shutting_down: 'backend_unavailable',
  timeout: 'timeout',
} as const satisfies Record<Reason, string>

/** What the frame that ends a failed stream says. */
export function errorObject(error: GatewayError): { readonly code: string; readonly message: string } {
  return { code: codes[error.reason], message: error.message }
}

/** The body of an error. `details` has the field at fault or the timer that fired, where there is one. */
export function errorBody(error: GatewayError, requestId: string): string {
  const { param, timer } = error.details
  const details = { ...(param !== undefined && { param }), ...(timer !== undefined && { timer }) }
  return JSON.stringify({
    status: 'error',
    error: { ...errorObject(error), ...(Object.keys(details).length > 0 && { details }) },
    meta: { request_id: requestId },
  })
}
