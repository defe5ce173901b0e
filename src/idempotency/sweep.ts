import type { Logger } from '../provider/contract.ts'
import type { IdempotencyStore } from '../store/contract.ts'
import { type Pace, repeat } from '../store/repeat.ts'

/** Milliseconds before the first sweep and between two. */
const everyMs: Pace = [180_000, 600_000]

/**
 * Lets go, from time to time, of answers that are past their time. Every replica does; it takes nothing that another has taken. Gives what ends
 * it, and resolves when a sweep that runs is over.
 */
export function sweepAnswers(store: Pick<IdempotencyStore, 'sweep'>, log: Logger): () => Promise<void> {
  return repeat(
    async () => void (await store.sweep(Date.now())),
    (err) => log.warn({ err }, 'kept answers that are past their time could not be let go of; trying again later'),
    everyMs,
  )
}
