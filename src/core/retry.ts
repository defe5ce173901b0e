import { type GatewayError, type Reason } from '../error/index.ts'

/** How retries are limited. */
export interface RetryPolicy {
  /** Retries after the first try of one target. */
  readonly perTarget: number
  /** Retries allowed for each request of the last seconds, over all calls to one provider. */
  readonly budget: number
  /** Milliseconds; an upstream that asks to wait longer is not tried again. */
  readonly maxRetryAfterMs: number
}

const baseDelayMs = 200
const maxDelayMs = 5_000

/** Reasons for which the very same target may do better in a moment. */
const passing: ReadonlySet<Reason> = new Set([
  'provider_error',
  'provider_unreachable',
  'provider_interrupted',
  'provider_unavailable',
  'rate_limited',
  'timeout',
])

/** Reasons that are not the caller's fault, so that another target may do better. */
const elsewhere: ReadonlySet<Reason> = new Set([
  ...passing,
  'provider_credential',
  'unsupported_operation',
  'not_found',
  'model_not_found',
])

/** True when a failure of one target is no reason not to ask the next. */
export function mayFallBack(error: GatewayError): boolean {
  return elsewhere.has(error.reason)
}

/**
 * Milliseconds to wait before the same target is tried again, or undefined when it must not be. The wait is drawn evenly from
 * zero to a limit that doubles with each try ("full jitter"), or what the upstream asked for, when that is more.
 */
export function retryDelay(
  error: GatewayError,
  tries: number,
  policy: RetryPolicy,
  random: () => number,
): number | undefined {
  if (!passing.has(error.reason) || !error.retryable) return undefined
  // A provider that was too slow to begin is still at work on the answer, and would bill it again.
  if (error.details.timer === 'first_event') return undefined
  const asked = (error.details.retryAfterSeconds ?? 0) * 1000
  if (asked > policy.maxRetryAfterMs) return undefined
  return Math.max(asked, random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (tries - 1)))
}

const windowMs = 10_000

/**
 * The share of retries in the traffic to one provider: over a sliding window, retries stay within `ratio` of requests, and one
 * is always allowed. Keeps a failing upstream from being hit harder than a healthy one.
 */
export class RetryBudget {
  readonly #ratio: number
  #windowStart = 0
  #requests = 0
  #retries = 0

  constructor(ratio: number) {
    this.#ratio = ratio
  }

  /** Counts a request that begins, at `now` in milliseconds. */
  request(now: number): void {
    this.#slide(now)
    this.#requests++
  }

  /** Takes one retry, if there is one left at `now`. `least` are allowed in any window, for callers who chose their number. */
  take(now: number, least = 1): boolean {
    this.#slide(now)
    if (this.#retries + 1 > Math.max(least, this.#ratio * this.#requests)) return false
    this.#retries++
    return true
  }

  /** Halves what was counted with every window that passed, both counts alike, so that the share holds over any time. */
  #slide(now: number): void {
    const passed = Math.floor((now - this.#windowStart) / windowMs)
    if (passed < 1) return
    this.#windowStart += passed * windowMs
    const share = passed > 20 ? 0 : 0.5 ** passed
    this.#requests *= share
    this.#retries *= share
  }
}
