import { z } from 'zod'
import type { GatewayError, Reason } from '../../error/index.ts'

/** Schema of the body of an error. */
export const errorAnswer = z.object({
  error: z.object({ message: z.string(), type: z.string(), code: z.string().nullable(), param: z.string().nullable() }),
})

/** The words of OpenAI's error object for each reason: the SDKs choose their exception class by status, people read these. */
const words = {
  invalid_request: ['invalid_request_error', null],
  unsupported_field: ['invalid_request_error', 'unsupported_field'],
  unsupported_operation: ['invalid_request_error', 'unsupported_operation'],
  unauthenticated: ['authentication_error', 'invalid_api_key'],
  permission_denied: ['permission_error', 'permission_denied'],
  not_found: ['invalid_request_error', 'not_found'],
  model_not_found: ['invalid_request_error', 'model_not_found'],
  method_not_allowed: ['invalid_request_error', 'method_not_allowed'],
  request_timeout: ['invalid_request_error', 'request_timeout'],
  conflict: ['invalid_request_error', 'conflict'],
  payload_too_large: ['invalid_request_error', 'payload_too_large'],
  unsupported_media_type: ['invalid_request_error', 'unsupported_media_type'],
  unprocessable: ['invalid_request_error', null],
  rate_limited: ['rate_limit_error', 'rate_limit_exceeded'],
  insufficient_quota: ['rate_limit_error', 'insufficient_quota'],
  client_closed: ['server_error', 'client_closed'],
  internal: ['server_error', 'internal'],
  provider_credential: ['server_error', 'provider_credential'],
  provider_error: ['server_error', 'provider_error'],
  provider_unreachable: ['server_error', 'provider_unreachable'],
  provider_interrupted: ['server_error', 'provider_interrupted'],
  provider_unavailable: ['server_error', 'provider_unavailable'],
  overloaded: ['server_error', 'overloaded'],
  store_unavailable: ['server_error', 'store_unavailable'],
  shutting_down: ['server_error', 'shutting_down'],
  timeout: ['server_error', 'timeout'],
} as const satisfies Record<Reason, readonly [string, string | null]>

/** The inner object of OpenAI's error envelope. A code the upstream gave for the caller's own mistake is kept: clients act on it. */
export function errorObject(error: GatewayError): object {
  const [type, code] = words[error.reason]
  const { param, upstream } = error.details
  return { message: error.message, type, code: upstream?.code ?? code, param: param ?? null }
}

/** The body of an error. */
export function errorBody(error: GatewayError): string {
  return JSON.stringify({ error: errorObject(error) })
}
