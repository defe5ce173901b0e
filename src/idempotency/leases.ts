import type { IdempotencyStore, OnceClaim, OnceName } from '../store/contract.ts'
import { type Pace, repeat } from '../store/repeat.ts'

/** How keys are kept from others while they are answered. Times are milliseconds. */
export interface LeaseOptions {
  readonly store: Pick<IdempotencyStore, 'renew'>
  /** Longest that a key is held: what has not ended by then never will. */
  readonly mostMs: number
  /** After how long others may begin what nobody has renewed; a minute. */
  readonly leaseMs?: number
  /** Before the first look for what is to be renewed, and between two. */
  readonly everyMs?: Pace
}

/** Gateways that are gone hold their keys for no longer, and stores may be away for half of it without any being lost. */
const usualLeaseMs = 60_000

const usualPace: Pace = [5000, 5000]

interface Held extends OnceClaim {
  until: number
  readonly last: number
}

/** Keeps the keys of this process on lease for as long as they are held: those that need it are renewed together. */
export class Leases {
  readonly leaseMs: number
  readonly #store: LeaseOptions['store']
  readonly #mostMs: number
  readonly #held = new Set<Held>()
  readonly #end: () => Promise<void>

  constructor({ store, mostMs, leaseMs = usualLeaseMs, everyMs = usualPace }: LeaseOptions) {
    this.leaseMs = leaseMs
    this.#store = store
    this.#mostMs = mostMs
    // What could not be renewed is next time. Nobody else can begin it while the store does not answer.
    this.#end = repeat(
      () => this.#renew(),
      () => undefined,
      everyMs,
    )
  }

  /** Keeps a key from now on that is on lease until then. Gives what lets go of it. */
  hold(name: OnceName, fence: string, until: number): () => void {
    const held: Held = { name, fence, until, last: Date.now() + this.#mostMs }
    this.#held.add(held)
    return () => void this.#held.delete(held)
  }

  /** Renews nothing any more. Resolves when what is being renewed is. */
  close(): Promise<void> {
    return this.#end()
  }

  /** Most answers are there before a lease is near its end. */
  async #renew(): Promise<void> {
    const now = Date.now()
    for (const held of this.#held) if (held.last <= now) this.#held.delete(held)
    const due = [...this.#held].filter(({ until }) => until - now < (this.leaseMs * 2) / 3)
    if (due.length === 0) return
    const until = now + this.leaseMs
    await this.#store.renew(due, until)
    for (const held of due) held.until = until
  }
}
