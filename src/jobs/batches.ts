import type { Core, Principal } from '../core/contract.ts'
import type { ServerDialect } from '../dialects/contract.ts'
import type { BatchOperations } from '../dialects/surface.ts'
import type { Logger } from '../provider/contract.ts'
import type { BatchStore, OpenBatches } from '../store/contract.ts'
import { type Pace, repeat } from '../store/repeat.ts'
import { BatchRunner } from './batch-runner.ts'
import type { BatchSettings, BatchWatch, FileKeeper, HeldLedger, Places, Refusal } from './contract.ts'
import { batchOperations } from './operations.ts'
import { lineRoutes, lineRunner, type LineRoutes, refusalOf } from './run-line.ts'

/** What batches are made of. */
export interface BatchesParts {
  readonly store: BatchStore
  readonly files: FileKeeper
  readonly places: Places
  readonly dialects: readonly ServerDialect[]
  /** What a key may do now, by its id. */
  readonly principalOf: (keyId: string) => Principal
  /** A ledger for one call; undefined where calls are not written down. */
  readonly hold: () => HeldLedger | undefined
  readonly settings: BatchSettings
  readonly log: Logger
  readonly watch?: BatchWatch | undefined
}

/** How often it is looked what there is to do: milliseconds. */
const lookPace: Pace = [0, 10_000]

/** Batches, of this process: what callers may ask of them, and the work on them. */
export class Batches {
  readonly #parts: BatchesParts
  readonly #routes: LineRoutes
  readonly #refusal: Refusal
  #runner: BatchRunner | undefined
  #open: OpenBatches | undefined
  #endLooking: (() => Promise<void>) | undefined

  constructor(parts: BatchesParts) {
    this.#parts = parts
    this.#routes = lineRoutes(parts.dialects)
    this.#refusal = (method, url) => refusalOf(this.#routes, method, url)
  }

  /** For one caller. */
  operations(caller: Principal): BatchOperations {
    const { settings, ...parts } = this.#parts
    const wake = (): void => this.#runner?.wake()
    return batchOperations({ ...parts, windowMs: settings.windowMs, refusal: this.#refusal, wake }, caller)
  }

  /** What there is to do, as it was a few seconds ago, and what of it this process does. */
  get levels(): { readonly open: OpenBatches | undefined; readonly linesInFlight: number } {
    return { open: this.#open, linesInFlight: this.#runner?.linesInFlight ?? 0 }
  }

  /** Begins to work on batches, with calls through the core; not at all where that is left to other processes. */
  start(core: Pick<Core, 'call' | 'refuse' | 'operationsOf' | 'surface'>): void {
    const { principalOf, hold, settings, ...parts } = this.#parts
    const look = async (): Promise<void> => void (this.#open = await parts.store.open())
    // A store that does not answer has a metric of its own.
    this.#endLooking = repeat(look, () => undefined, lookPace)
    if (settings.lines === 0) return
    const { perProvider } = settings
    const runner = lineRunner({ core, routes: this.#routes, principalOf, hold, perProvider })
    this.#runner = BatchRunner.start({ ...parts, settings, refusal: this.#refusal, runner })
  }

  /** Takes no more work, and resolves when none is left: what runs may end until the signal is aborted, and is then given back. */
  async stop(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#runner?.stop(signal), this.#endLooking?.()])
  }
}
