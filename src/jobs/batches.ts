import type { Core, Principal } from '../core/contract.ts'
import type { ServerDialect } from '../dialects/contract.ts'
import type { BatchOperations } from '../dialects/surface.ts'
import type { Logger } from '../provider/contract.ts'
import type { BatchStore } from '../store/contract.ts'
import { BatchRunner } from './batch-runner.ts'
import type { BatchSettings, FileKeeper, HeldLedger, Places, Refusal } from './contract.ts'
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
}

/** Batches, of this process: what callers may ask of them, and the work on them. */
export class Batches {
  readonly #parts: BatchesParts
  readonly #routes: LineRoutes
  readonly #refusal: Refusal
  #runner: BatchRunner | undefined

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

  /** Begins to work on batches, with calls through the core; not at all where that is left to other processes. */
  start(core: Pick<Core, 'call' | 'refuse' | 'operationsOf' | 'surface'>): void {
    const { principalOf, hold, settings, ...parts } = this.#parts
    if (settings.lines === 0) return
    const { perProvider } = settings
    const runner = lineRunner({ core, routes: this.#routes, principalOf, hold, perProvider })
    this.#runner = BatchRunner.start({ ...parts, settings, refusal: this.#refusal, runner })
  }

  /** Takes no more work, and resolves when none is left: what runs may end until the signal is aborted, and is then given back. */
  async stop(signal: AbortSignal): Promise<void> {
    await this.#runner?.stop(signal)
  }
}
