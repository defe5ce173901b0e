import { z } from 'zod'
import type { GatewayError, Reason } from '../../error/index.ts'

/** Schema of the body of an error. */
export const errorAnswer = z.object({
  error: z.object({
    code: z.int().describe('the HTTP status'),
    message: z.string(),
    status: z.string(),
    details: z.array(z.looseObject({ '@type': z.string() })),
  }),
})

/** Google's word for each reason; the SDKs show it, and clients that retry decide by it. */
const words = {
  invalid_request: 'INVALID_ARGUMENT',
  unsupported_field: 'INVALID_ARGUMENT',
  unsupported_operation: 'UNIMPLEMENTED',
  unauthenticated: 'UNAUTHENTICATED',
  permission_denied: 'PERMISSION_DENIED',
  not_found: 'NOT_FOUND',
  model_not_found: 'NOT_FOUND',
  method_not_allowed: 'UNIMPLEMENTED',
  request_timeout: 'DEADLINE_EXCEEDED',
  conflict: 'ABORTED',
  payload_too_large: 'INVALID_ARGUMENT',
  unsupported_media_type: 'INVALID_ARGUMENT',
  unprocessable: 'INVALID_ARGUMENT',
  rate_limited: 'RESOURCE_EXHAUSTED',
  insufficient_quota: 'RESOURCE_EXHAUSTED',
  client_closed: 'CANCELLED',
  internal: 'INTERNAL',
  provider_credential: 'INTERNAL',
  provider_error: 'INTERNAL',
  provider_unreachable: 'UNAVAILABLE',
  provider_interrupted: 'UNAVAILABLE',
  provider_unavailable: 'UNAVAILABLE',
  overloaded: 'UNAVAILABLE',
  store_unavailable: 'UNAVAILABLE',
  shutting_down: 'UNAVAILABLE',
  timeout: 'DEADLINE_EXCEEDED',
} as const satisfies Record<Reason, string>

/** The body of an error: Google's envelope, with how long to wait and which field is at fault in its details. */
export function errorBody(error: GatewayError): string {
  const { param, retryAfterSeconds } = error.details
  const details = [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: error.reason.toUpperCase(), domain: 'switchyard' },
    ...(param === undefined
      ? []
      : [
          {
            '@type': 'type.googleapis.com/google.rpc.BadRequest',
            fieldViolations: [{ field: param, description: error.message }],
          },
        ]),
    ...(retryAfterSeconds === undefined
      ? []
      : [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfterSeconds}s` }]),
  ]
  const { message, status, reason } = error
  return JSON.stringify({ error: { code: status, message, status: words[reason], details } })
}
