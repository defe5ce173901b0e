import { fail, type GatewayError } from '../error/index.ts'
import type { Logger } from '../provider/contract.ts'
import type { IdempotencyStore, KeptAnswer, OnceName } from '../store/contract.ts'
import type { Leases } from './leases.ts'
import { Turn } from './turn.ts'

/** What is answered once, with what. */
export interface OnceOptions {
  readonly store: IdempotencyStore
  /** Most bytes of an answer that is kept. */
  readonly maxBytes: number
  readonly leases: Leases
  readonly log: Logger
}

/** An answer that was given before, whole. */
export interface GivenAnswer extends KeptAnswer {
  readonly body: Uint8Array
}

/** Milliseconds that an answer is kept: a day. */
const keptMs = 86_400_000

/** Seconds after which somebody who comes too early is told to come again: as long as it has taken so far, within these. */
const patience = { least: 1, most: 30 }

/**
 * Answers each request that names a key once, however often it is sent and to whichever replica: the others are told to come again
 * while it is under way, and are given the same answer for a day. What a process that is gone was answering can be begun anew.
 */
export class Once {
  readonly #options: OnceOptions

  constructor(options: OnceOptions) {
    this.#options = options
  }

  /**
   * The turn of the request, or its answer. Throws `conflict` while another is answering, or when the answer was too large to be kept;
   * `unprocessable` when the key was used to ask something else; `store_unavailable` when it cannot be known.
   */
  async begin(name: OnceName, fingerprint: string): Promise<Turn | GivenAnswer> {
    const { store, leases, log, maxBytes } = this.#options
    const now = Date.now()
    const leaseUntil = now + leases.leaseMs
    const begun = await store.begin(name, fingerprint, leaseUntil, now)
    if (begun.state === 'new') {
      const { fence } = begun
      const letGo = leases.hold(name, fence, leaseUntil)
      return new Turn({ store, name, fence, letGo, maxBytes, keptMs, log })
    }
    if (begun.state === 'in_flight') throw inFlight(now - begun.since)
    if (begun.state === 'other_request') throw otherRequest()
    return this.#given(name, begun.answer)
  }

  #given({ keyId: key, accountId: account }: OnceName, { status, headers, body }: KeptAnswer): GivenAnswer {
    if (body === undefined)
      throw fail('conflict', 'this request was answered, but the answer was too large to be kept and given again', {
        param: 'Idempotency-Key',
        retryable: false,
      })
    this.#options.log.info({ key, account, first: headers['x-request-id'] }, 'an answer is given again')
    return { status, headers, body }
  }
}

function inFlight(milliseconds: number): GatewayError {
  const retryAfterSeconds = Math.min(Math.max(Math.ceil(milliseconds / 1000), patience.least), patience.most)
  return fail('conflict', 'a request with this Idempotency-Key is being answered; send it again to get its answer', {
    param: 'Idempotency-Key',
    retryAfterSeconds,
  })
}

function otherRequest(): GatewayError {
  return fail('unprocessable', 'this Idempotency-Key was used for another request: a new request needs a new key', {
    param: 'Idempotency-Key',
  })
}
