import { type Reason, reasons } from './reasons.ts'

/** The timers a call can run into, as an error names them. */
export const timerNames = ['connect', 'first_event', 'between_events', 'request_body', 'write', 'total'] as const

/** One of {@link timerNames}. */
export type TimerName = (typeof timerNames)[number]

/** What an error says besides its reason and message. */
export interface ErrorDetails {
  /** The field of the client's request that is at fault, as a dotted path in the client's own words. */
  readonly param?: string
  /** Which timer fired, for `timeout`. */
  readonly timer?: TimerName
  /** Seconds after which the caller may try again. */
  readonly retryAfterSeconds?: number
  /** False when trying again is useless, whatever the reason says in general. */
  readonly retryable?: boolean
  /** The upstream's own classification, safe to show to the caller. */
  readonly upstream?: { readonly status: number; readonly type?: string; readonly code?: string }
  /** The validation problems one by one, for dialects that list them. */
  readonly issues?: readonly Issue[]
  /** True when the message has words of a provider's, which may quote the request: they are for its caller, and not for the log. */
  readonly quotes?: boolean
  /** What was thrown beneath. Kept for the log, never shown. */
  readonly cause?: unknown
}

/** One thing wrong with a request: where, and what. */
export interface Issue {
  readonly path: readonly (string | number)[]
  readonly message: string
  /** A word for the kind of problem, such as "missing" or "invalid_type". */
  readonly type: string
  readonly input?: unknown
}

/** The only error that crosses a folder: a closed reason, a message that may be shown to the caller, and what to do. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly reason: Reason
  readonly details: ErrorDetails

  constructor(reason: Reason, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.reason = reason
    this.details = details
  }

  /** The HTTP status this error has in every dialect. */
  get status(): number {
    return reasons[this.reason].status
  }

  /** Whether the same call may succeed when sent again. */
  get retryable(): boolean {
    return this.details.retryable ?? reasons[this.reason].retryable
  }
}

/** Makes the error to throw: `throw fail('model_not_found', 'no route for the model "x"')`. */
export function fail(reason: Reason, message: string, details?: ErrorDetails): GatewayError {
  return new GatewayError(reason, message, details)
}

/** The error as one of ours: itself, or `internal` with the thrown value kept as the cause and hidden from callers. */
export function asGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  return fail('internal', 'the gateway failed to process the request', { cause: thrown })
}
