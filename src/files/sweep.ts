import type { Logger } from '../provider/contract.ts'
import { type Pace, repeat } from '../store/repeat.ts'
import type { Vault } from '../store/vault.ts'

/** What is swept, and when. */
export interface SweepOptions {
  readonly vault: Pick<Vault, 'sweep'>
  readonly log: Logger
  /** Milliseconds before the first sweep and between two; two minutes and ten. */
  readonly everyMs?: Pace
}

const usual: Pace = [120_000, 600_000]

/**
 * Lets go, from time to time, of files that are past their time and of what removing and failing left. Every replica does; it takes
 * nothing that another has taken. Gives what ends it, and resolves when a sweep that runs is over.
 */
export function startSweep({ vault, log, everyMs = usual }: SweepOptions): () => Promise<void> {
  const sweep = async (): Promise<void> => {
    const gone = await vault.sweep(Date.now())
    if (gone > 0) log.info({ files: gone }, 'files were let go of')
  }
  return repeat(sweep, (err) => log.warn({ err }, 'some files could not be let go of; trying again later'), everyMs)
}
