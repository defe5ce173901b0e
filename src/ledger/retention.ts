import type { Logger } from '../provider/contract.ts'
import type { LedgerStore } from '../store/contract.ts'
import { type Pace, repeat } from '../store/repeat.ts'

/** What is let go of, and when. */
export interface RetentionOptions {
  readonly store: Pick<LedgerStore, 'retain'>
  /** Milliseconds that rows are kept; Infinity: for ever. */
  readonly keptMs: number
  readonly log: Logger
  /** Milliseconds before the first look and between two; a minute and an hour. */
  readonly everyMs?: Pace
}

const usual: Pace = [60_000, 3_600_000]

/**
 * Lets go, from time to time, of rows that are too old and of content that is past its time. Every replica does; it takes nothing
 * that another has taken. Gives what ends it.
 */
export function startRetention({ store, keptMs, log, everyMs = usual }: RetentionOptions): () => void {
  const look = async (): Promise<void> => {
    const now = Date.now()
    await store.retain(Math.max(0, now - keptMs), now)
  }
  const end = repeat(look, (err) => log.warn({ err }, 'old rows of the request log could not be let go of'), everyMs)
  return () => void end()
}
