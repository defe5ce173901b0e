import type { Logger } from '../provider/contract.ts'
import type { IdempotencyStore, OnceName } from '../store/contract.ts'

/** What a turn is made of. */
export interface TurnParts {
  readonly store: Pick<IdempotencyStore, 'finish' | 'forget'>
  readonly name: OnceName
  /** What the store knows this attempt by. */
  readonly fence: string
  /** Lets go of the lease: others may begin when it is over. */
  readonly letGo: () => void
  /** Most bytes of an answer that is kept. */
  readonly maxBytes: number
  /** Milliseconds that an answer is kept. */
  readonly keptMs: number
  readonly log: Logger
}

/** An answer that is complete. */
export interface WholeAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}

/** Milliseconds before what the store did not take is tried again: the first time, doubled each time, and at most. */
const pauses = { first: 200, most: 30_000 }

/** Milliseconds after which what the store does not take is given up. */
export const patienceMs = 600_000

/**
 * The turn of one request of a key: nobody else answers it meanwhile. What is written to the client is written down here too, and kept
 * before the client sees the end of it; or the turn is given back, so that the key can be used anew. Whichever comes first is what
 * holds. A store that fails meanwhile is no reason to fail an answer that was paid for: it is tried again for ten minutes.
 */
export class Turn {
  readonly #parts: TurnParts
  #chunks: Uint8Array[] = []
  #size = 0
  #status = 200
  #headers: Readonly<Record<string, string>> = {}
  #over = false

  constructor(parts: TurnParts) {
    this.#parts = parts
  }

  /** What the answer begins with. */
  head(status: number, headers: Readonly<Record<string, unknown>>): void {
    const given = Object.entries(headers).filter(([, value]) => value !== undefined)
    this.#status = status
    this.#headers = Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
  }

  /** What of its body comes next. Of an answer that grows too large nothing is kept but that it was given. */
  add(written: string | Uint8Array): void {
    const bytes = typeof written === 'string' ? Buffer.from(written) : written
    this.#size += bytes.length
    if (this.#size <= this.#parts.maxBytes) this.#chunks.push(bytes)
    else this.#chunks = []
  }

  /** Keeps a whole answer. Never rejects. */
  async keepWhole({ status, headers, body }: WholeAnswer): Promise<void> {
    this.head(status, headers)
    this.add(body)
    await this.keep()
  }

  /** Keeps the answer, which is complete. Never rejects. */
  async keep(): Promise<void> {
    const { store, name, fence, maxBytes, keptMs } = this.#parts
    const body = this.#size <= maxBytes ? Buffer.concat(this.#chunks, this.#size) : undefined
    const answer = { status: this.#status, headers: this.#headers, body }
    await this.#end('an answer could not be kept to be given again', async () => {
      await store.finish(name, fence, answer, Date.now() + keptMs)
    })
  }

  /** Gives the turn back: what was asked failed, and may be asked anew. Never rejects. */
  async giveBack(): Promise<void> {
    const { store, name, fence, letGo } = this.#parts
    if (!this.#over) letGo()
    await this.#end('an idempotency key could not be given free', () => store.forget(name, fence))
  }

  async #end(failure: string, act: () => Promise<void>): Promise<void> {
    if (this.#over) return
    this.#over = true
    this.#chunks = []
    const { letGo, log } = this.#parts
    try {
      await act()
      letGo()
    } catch (err) {
      log.warn({ err }, `${failure}; trying on`)
      this.#later(act, pauses.first, Date.now() + patienceMs)
    }
  }

  /** Tries again, and again; meanwhile nobody else begins what was answered. */
  #later(act: () => Promise<void>, pause: number, last: number): void {
    const { letGo } = this.#parts
    if (Date.now() + pause >= last) return letGo()
    const again = (): void => this.#later(act, Math.min(pause * 2, pauses.most), last)
    setTimeout(() => void act().then(letGo, again), pause).unref()
  }
}
