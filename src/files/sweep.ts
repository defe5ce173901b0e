import type { Logger } from '../provider/contract.ts'
import type { Vault } from '../store/vault.ts'

/** What is swept, and when. */
export interface SweepOptions {
  readonly vault: Pick<Vault, 'sweep'>
  readonly log: Logger
  /** Milliseconds before the first sweep and between two; two minutes and ten. */
  readonly everyMs?: readonly [number, number]
}

const usual = [120_000, 600_000] as const

/**
 * Lets go, from time to time, of files that are past their time and of what removing and failing left. Every replica does; it takes
 * nothing that another has taken. Gives what ends it, and resolves when a sweep that runs is over.
 */
export function startSweep({ vault, log, everyMs: [first, then] = usual }: SweepOptions): () => Promise<void> {
  let timer: NodeJS.Timeout
  let ended = false
  let sweeping: Promise<void> = Promise.resolve()
  const sweep = async (): Promise<void> => {
    try {
      const gone = await vault.sweep(Date.now())
      if (gone > 0) log.info({ files: gone }, 'files were let go of')
    } catch (err) {
      log.warn({ err }, 'some files could not be let go of; trying again later')
    }
    if (!ended) wait(then)
  }
  const wait = (milliseconds: number): void => {
    timer = setTimeout(() => {
      sweeping = sweep()
    }, milliseconds)
    timer.unref()
  }
  wait(first)
  return async () => {
    ended = true
    clearTimeout(timer)
    await sweeping
  }
}
