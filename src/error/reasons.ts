import { Code } from '@connectrpc/connect'

/** How one reason is shown: the HTTP status, the gRPC code, and whether the same call may succeed when sent again. */
export interface ReasonFacts {
  readonly status: number
  readonly code: Code
  readonly retryable: boolean
}

/**
 * The closed table of everything that can go wrong with a call, and the one mapping of it to HTTP and gRPC.
 * A dialect has a table of its own for the words of its error bodies, kept complete by the compiler.
 */
export const reasons = {
  /** The request is not what the operation takes. */
  invalid_request: { status: 400, code: Code.InvalidArgument, retryable: false },
  /** The caller asked for strictness, and the target cannot carry a field. */
  unsupported_field: { status: 400, code: Code.InvalidArgument, retryable: false },
  /** The provider does not have the operation. */
  unsupported_operation: { status: 400, code: Code.Unimplemented, retryable: false },
  /** No key, or one that is not known, expired or revoked. */
  unauthenticated: { status: 401, code: Code.Unauthenticated, retryable: false },
  /** The key may not do this. */
  permission_denied: { status: 403, code: Code.PermissionDenied, retryable: false },
  /** No such path, provider or record. */
  not_found: { status: 404, code: Code.NotFound, retryable: false },
  /** No route for the model name. */
  model_not_found: { status: 404, code: Code.NotFound, retryable: false },
  /** The path exists, with another method. */
  method_not_allowed: { status: 405, code: Code.Unimplemented, retryable: false },
  /** The client was too slow in sending its request. */
  request_timeout: { status: 408, code: Code.DeadlineExceeded, retryable: true },
  /** The state of the thing named forbids it now. */
  conflict: { status: 409, code: Code.Aborted, retryable: true },
  /** The body, or a part of it, is over its limit. */
  payload_too_large: { status: 413, code: Code.ResourceExhausted, retryable: false },
  /** The body's content type or coding is not one this path takes. */
  unsupported_media_type: { status: 415, code: Code.InvalidArgument, retryable: false },
  /** Well-formed, but the upstream refuses its meaning. */
  unprocessable: { status: 422, code: Code.InvalidArgument, retryable: false },
  /** Too many requests or tokens for now. */
  rate_limited: { status: 429, code: Code.ResourceExhausted, retryable: true },
  /** A budget is spent; waiting does not help. */
  insufficient_quota: { status: 429, code: Code.ResourceExhausted, retryable: false },
  /** The client left before the answer was complete. */
  client_closed: { status: 499, code: Code.Canceled, retryable: false },
  /** A fault of the gateway's own. */
  internal: { status: 500, code: Code.Internal, retryable: true },
  /** The provider refuses the gateway's own credential. */
  provider_credential: { status: 502, code: Code.FailedPrecondition, retryable: false },
  /** The provider failed, or its answer could not be read. */
  provider_error: { status: 502, code: Code.Unavailable, retryable: true },
  /** No connection to the provider. */
  provider_unreachable: { status: 502, code: Code.Unavailable, retryable: true },
  /** The provider's answer ended before it was complete. */
  provider_interrupted: { status: 502, code: Code.Unavailable, retryable: true },
  /** The provider says it cannot serve now. */
  provider_unavailable: { status: 503, code: Code.Unavailable, retryable: true },
  /** The gateway sheds load. */
  overloaded: { status: 503, code: Code.Unavailable, retryable: true },
  /** The gateway's own store cannot be reached, or has no room. */
  store_unavailable: { status: 503, code: Code.Unavailable, retryable: true },
  /** The gateway is stopping. */
  shutting_down: { status: 503, code: Code.Unavailable, retryable: true },
  /** One of the gateway's timers fired; the error names it. */
  timeout: { status: 504, code: Code.DeadlineExceeded, retryable: true },
} as const satisfies Record<string, ReasonFacts>

/** One row of {@link reasons}. */
export type Reason = keyof typeof reasons
