import type { CallContent, CallIntent, CallRecord, Ledger, Pricing } from '../core/contract.ts'
import { notVouchedFor } from '../core/outcome.ts'
import { usage } from '../model/usage.ts'
import type { Logger } from '../provider/contract.ts'
import type { LedgerStore } from '../store/contract.ts'
import { HeldCall } from './held-call.ts'
import { Mover } from './mover.ts'
import { startRetention } from './retention.ts'
import { decodeIntent, encodeContent, encodeIntent, encodeRow, type Settlement } from './row.ts'
import { Spool } from './spool.ts'
import type { SpoolState } from './spool-messages.ts'

/** What a ledger is made of. */
export interface LedgerOptions {
  /** Where the spool is kept. */
  readonly folder: string
  /** Bytes the spool may take. */
  readonly maxSpoolBytes: number
  /** Where rows are kept in the end. */
  readonly store: Pick<LedgerStore, 'append' | 'retain'>
  /** For calls of a process that ended before they did. */
  readonly pricing: Pricing
  /** Milliseconds that rows are kept; Infinity: for ever. */
  readonly keptMs: number
  /** Milliseconds that prompts and answers are kept, where they are. */
  readonly contentMs: number
  readonly log: Logger
  readonly watch?: LedgerWatch
}

/** Is told how the ledger is doing. */
export interface LedgerWatch {
  /** Calls waited so many seconds for what they handed over to be durable. */
  committed(seconds: number): void
  /** So many rows have reached the store. */
  moved(rows: number): void
  /** A refused call could not be kept. */
  dropped(): void
}

/** A ledger that is open. */
export interface OpenLedger extends Ledger {
  /** What waits in the spool. */
  readonly state: SpoolState
  /** A ledger for one call, whose row is held back. */
  hold(): HeldCall
  /** Resolves when the store has every call that was settled when this was called. Rejects when the signal comes first. */
  flush(signal?: AbortSignal): Promise<void>
  /** Gives the store what it takes within so many milliseconds, and closes the spool: the rest is moved after the next start. */
  close(milliseconds: number): Promise<void>
}

/** Calls left behind by a process that are settled at once. */
const lostAtOnce = 100

/** Milliseconds before they are tried again when they could not be written. */
const retryAfter = 1000

/**
 * Opens the ledger: a spool on this machine's disk, from where rows move to the store. Calls that an earlier process left open are
 * settled as lost, priced by what they were about to have read. Rejects with `store_unavailable` when the folder cannot be written.
 */
export async function openLedger(options: LedgerOptions): Promise<OpenLedger> {
  const { folder, maxSpoolBytes: maxBytes, log, watch, contentMs, keptMs, store } = options
  const spool = await Spool.open({
    folder,
    maxBytes,
    log,
    ...(watch !== undefined && { committed: (seconds) => watch.committed(seconds) }),
  })
  const mover = new Mover({ spool, store, log, ...(watch !== undefined && { moved: (rows) => watch.moved(rows) }) })
  const recovery = new Recovery(spool, options)
  const endRetention = startRetention({ store, keptMs, log })
  const changed = (): void => {
    mover.wake()
    recovery.wake()
  }
  spool.onChange = changed
  changed()
  const flush = async (signal?: AbortSignal): Promise<void> => {
    await spool.drain()
    await mover.flush(signal)
  }
  return {
    get state() {
      return spool.state
    },
    hold: () => new HeldCall(spool, contentMs),
    begin: (intent) => spool.begin(encodeIntent(intent)),
    settle: (record, intent, content) =>
      spool.settle(intent, encodeRow(record), contentText(record, content, contentMs), () =>
        encodeRow(notVouchedFor(record)),
      ),
    note(record) {
      if (!spool.note(encodeRow(record))) watch?.dropped()
    },
    flush,
    async close(milliseconds) {
      endRetention()
      await flush(AbortSignal.timeout(milliseconds)).catch(() => undefined)
      await mover.stop()
      await spool.close()
    },
  }
}

function contentText(record: CallRecord, content: CallContent | undefined, milliseconds: number): string {
  return content === undefined ? '' : encodeContent(record, content, Date.now() + milliseconds)
}

/** Settles calls of processes that ended before the calls did. */
export class Recovery {
  readonly #spool: Pick<Spool, 'state' | 'takeLost' | 'recover'>
  readonly #options: Pick<LedgerOptions, 'pricing' | 'log'>
  #running = false

  constructor(spool: Pick<Spool, 'state' | 'takeLost' | 'recover'>, options: Pick<LedgerOptions, 'pricing' | 'log'>) {
    this.#spool = spool
    this.#options = options
  }

  /** Goes to work, if there is such a call. */
  wake(): void {
    if (this.#running || this.#spool.state.lost === 0) return
    this.#running = true
    void this.#run()
  }

  async #run(): Promise<void> {
    const { log } = this.#options
    try {
      const rows = await this.#spool.takeLost(lostAtOnce)
      await Promise.all(rows.map(({ key, text }) => this.#spool.recover(key, this.#settlementOf(text))))
      if (rows.length > 0) log.warn({ calls: rows.length }, 'settled calls that a process before this one left open')
      // There were some: the spool does not answer just now.
      else await this.#rest()
    } catch {
      // The spool says why; they are still there.
      await this.#rest()
    }
    this.#running = false
    this.wake()
  }

  async #rest(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, retryAfter).unref())
  }

  /** The settlement of a lost call; a text that is no intent is kept as it is, for the mover to put aside. */
  #settlementOf(text: string): string {
    try {
      return encodeRow(lostCall(decodeIntent(text), this.#options.pricing))
    } catch {
      return text
    }
  }
}

/**
 * What is known of a call whose process ended before it did: that its first target was about to be asked, and how much it would have
 * read. What came back is not known, and counts as nothing.
 */
function lostCall(intent: CallIntent, pricing: Pricing): Settlement {
  const consumed = usage({ inputTokens: intent.inputEstimate, estimated: true })
  const cost = pricing.cost(intent.vendor, intent.model, consumed, intent.startedAt)
  return {
    ...intent,
    attempts: [],
    status: 'error',
    reason: 'gateway_lost',
    httpStatus: 500,
    usage: consumed,
    ...(cost !== undefined && { cost }),
    finishReasons: [],
    duration: 0,
    upstreamRequestId: '',
    responseBytes: 0,
  }
}
