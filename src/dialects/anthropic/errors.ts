import { z } from 'zod'
import type { GatewayError, Reason } from '../../error/index.ts'

/** Schema of the body of an error. */
export const errorAnswer = z.object({
  type: z.literal('error'),
  error: z.object({ type: z.string(), message: z.string() }),
  request_id: z.string(),
})

/** Anthropic's word for each reason. The SDKs choose their exception class by status; programs and people read the word. */
const words = {
  invalid_request: 'invalid_request_error',
  unsupported_field: 'invalid_request_error',
  unsupported_operation: 'invalid_request_error',
  unauthenticated: 'authentication_error',
  permission_denied: 'permission_error',
  not_found: 'not_found_error',
  model_not_found: 'not_found_error',
  method_not_allowed: 'invalid_request_error',
  request_timeout: 'timeout_error',
  conflict: 'invalid_request_error',
  payload_too_large: 'request_too_large',
  unsupported_media_type: 'invalid_request_error',
  unprocessable: 'invalid_request_error',
  rate_limited: 'rate_limit_error',
  insufficient_quota: 'rate_limit_error',
  client_closed: 'api_error',
  internal: 'api_error',
  provider_credential: 'api_error',
  provider_error: 'api_error',
  provider_unreachable: 'api_error',
  provider_interrupted: 'api_error',
  provider_unavailable: 'overloaded_error',
  overloaded: 'overloaded_error',
  store_unavailable: 'api_error',
  shutting_down: 'api_error',
  timeout: 'timeout_error',
} as const satisfies Record<Reason, string>

/** The body of an error, also the data of the `error` event that ends a stream. */
export function errorBody(error: GatewayError, requestId: string): string {
  const { reason, message } = error
  return JSON.stringify({ type: 'error', error: { type: words[reason], message }, request_id: requestId })
}

/** The common statuses, but 529 for "overloaded": what Anthropic's clients know to wait for. */
export function errorStatus(error: GatewayError): number {
  return words[error.reason] === 'overloaded_error' ? 529 : error.status
}
