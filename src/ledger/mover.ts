import { asGatewayError } from '../error/index.ts'
import type { Logger } from '../provider/contract.ts'
import type { ContentRow, LedgerStore, RequestRow } from '../store/contract.ts'
import { decodeContent, decodeRow } from './row.ts'
import type { Spool } from './spool.ts'
import type { SettledText } from './spool-messages.ts'

/** What a mover is made of. */
export interface MoverOptions {
  readonly spool: Pick<Spool, 'state' | 'take' | 'moved'>
  readonly store: Pick<LedgerStore, 'append'>
  readonly log: Logger
  /** Is told how many rows have been moved. */
  readonly moved?: (rows: number) => void
  /** Milliseconds to let rows gather before they are moved; 100. */
  readonly pauseMs?: number
  /** Milliseconds to wait after the store was unavailable, at first and at most; 250 and 10,000. */
  readonly backOffMs?: readonly [number, number]
}

/**
 * Rows of one step: what comes together in a pause when traffic is dense. A transaction costs what seventy rows do; on the other hand each
 * row is an object in memory until the store has it, and nothing else is served while a step is read or handed over, a millisecond.
 */
const rowsAtOnce = 500

/** A settlement, read. */
interface Row {
  readonly place: number
  readonly row: RequestRow
  readonly content: ContentRow | undefined
}

/**
 * Moves settlements from the spool to the store, oldest first. A row leaves the spool when the store has it, so that after a crash
 * it may be given twice, which the store knows by its id. While the store is unavailable it waits; a row that the store refuses
 * while it takes others is put aside, for the next start, and does not hold up the rest.
 */
export class Mover {
  readonly #options: MoverOptions
  readonly #pause: number
  readonly #backOff: readonly [number, number]
  #movedTo = 0
  #running: Promise<void> | undefined
  #hurry = false
  #wake: (() => void) | undefined
  #failures = 0
  readonly #waiting: { readonly place: number; readonly resolve: () => void }[] = []
  readonly #stopped = new AbortController()

  constructor(options: MoverOptions) {
    this.#options = options
    this.#pause = options.pauseMs ?? 100
    this.#backOff = options.backOffMs ?? [250, 10_000]
  }

  /** Goes to work, if there is anything to move. */
  wake(): void {
    if (this.#stopped.signal.aborted || this.#running !== undefined) return
    if (this.#options.spool.state.last <= this.#movedTo) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      this.wake()
    })
  }

  /** Resolves when the store has everything that was settled when this was called; rejects with the signal's reason when that is first. */
  flush(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const place = this.#options.spool.state.last
    if (place <= this.#movedTo) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ place, resolve })
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    this.#hurry = true
    this.#wake?.()
    this.wake()
    return promise
  }

  /** Moves no more. Resolves when what is being moved has been, or could not. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    this.#wake?.()
    await this.#running
  }

  async #run(): Promise<void> {
    await this.#wait(this.#failures === 0 ? this.#pause : this.#delay())
    while (!this.#stopped.signal.aborted) {
      const rows = await this.#options.spool.take(this.#movedTo, rowsAtOnce)
      const last = rows.at(-1)
      // There were some: the spool does not answer just now.
      if (last === undefined) return await this.#rest()
      if (!(await this.#move(rows, last.place))) return
      if (rows.length < rowsAtOnce && !this.#hurry) await this.#wait(this.#pause)
    }
  }

  /** False: the store is unavailable, and everything is as it was. */
  async #move(texts: readonly SettledText[], last: number): Promise<boolean> {
    const { spool, log, moved } = this.#options
    const aside: number[] = []
    const rows = this.#read(texts, aside)
    try {
      await this.#append(rows, aside)
    } catch (error) {
      if (this.#failures++ === 0)
        log.warn({ err: error, waiting: spool.state.waiting }, 'the store takes no rows: they wait in the spool')
      return false
    }
    if (this.#failures > 0) log.info({ waiting: spool.state.waiting }, 'the store takes rows again')
    this.#failures = 0
    if (aside.length > 0) log.error({ rows: aside.length }, 'rows that cannot be stored were put aside in the spool')
    this.#movedTo = last
    spool.moved(last, aside)
    moved?.(texts.length - aside.length)
    this.#tell()
    return true
  }

  #read(texts: readonly SettledText[], aside: number[]): Row[] {
    return texts.flatMap(({ place, text, content }) => {
      try {
        return [{ place, row: decodeRow(text), content: content === '' ? undefined : decodeContent(content) }]
      } catch {
        aside.push(place)
        return []
      }
    })
  }

  /** Gives the rows to the store. Where it refuses them, in halves, to find those that are to blame; rejects when it takes none. */
  async #append(rows: readonly Row[], aside: number[]): Promise<void> {
    if (rows.length === 0) return
    try {
      await this.#options.store.append(
        rows.map(({ row }) => row),
        rows.flatMap(({ content }) => content ?? []),
      )
    } catch (error) {
      if (asGatewayError(error).reason === 'store_unavailable' || rows.length === 1) throw error
      await this.#appendHalves(rows, aside)
    }
  }

  async #appendHalves(rows: readonly Row[], aside: number[]): Promise<void> {
    const half = Math.ceil(rows.length / 2)
    const halves = [rows.slice(0, half), rows.slice(half)]
    const outcomes: { readonly rows: readonly Row[]; readonly error: unknown }[] = []
    for (const part of halves) {
      try {
        await this.#append(part, aside)
      } catch (error) {
        if (asGatewayError(error).reason === 'store_unavailable') throw error
        outcomes.push({ rows: part, error })
      }
    }
    const [first] = outcomes
    if (first === undefined) return
    // A store that takes none of them is out of order, whatever it says; one that takes some is not.
    if (outcomes.length === halves.length) throw first.error
    for (const { place, row } of first.rows) {
      this.#options.log.error({ err: first.error, id: row.id }, 'the store refuses a row')
      aside.push(place)
    }
  }

  /** Waits, but not while somebody needs the rows. */
  async #wait(milliseconds: number): Promise<void> {
    const early = Promise.withResolvers<void>()
    this.#wake = early.resolve
    if (this.#stopped.signal.aborted || (this.#hurry && this.#failures === 0)) return
    const timer = setTimeout(early.resolve, milliseconds)
    timer.unref()
    await early.promise
    clearTimeout(timer)
    this.#wake = undefined
  }

  async #rest(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.#pause).unref())
  }

  #delay(): number {
    const [first, most] = this.#backOff
    return Math.min(most, first * 2 ** Math.min(this.#failures - 1, 16)) * (0.75 + Math.random() / 2)
  }

  #tell(): void {
    const waiting = this.#waiting.splice(0)
    for (const one of waiting) {
      if (one.place <= this.#movedTo) one.resolve()
      else this.#waiting.push(one)
    }
    this.#hurry = this.#waiting.length > 0
  }
}
