import type { Logger } from '../provider/contract.ts'
import type { LedgerStore } from '../store/contract.ts'

/** What is let go of, and when. */
export interface RetentionOptions {
  readonly store: Pick<LedgerStore, 'retain'>
  /** Milliseconds that rows are kept; Infinity: for ever. */
  readonly keptMs: number
  readonly log: Logger
  /** Milliseconds before the first look and between two; a minute and an hour. */
  readonly everyMs?: readonly [number, number]
}

const usual = [60_000, 3_600_000] as const

/**
 * Lets go, from time to time, of rows that are too old and of content that is past its time. Every replica does; it takes nothing
 * that another has taken. Gives what ends it.
 */
export function startRetention({ store, keptMs, log, everyMs: [first, then] = usual }: RetentionOptions): () => void {
  let timer: NodeJS.Timeout
  let ended = false
  const look = async (): Promise<void> => {
    const now = Date.now()
    try {
      await store.retain(Math.max(0, now - keptMs), now)
    } catch (err) {
      log.warn({ err }, 'old rows of the request log could not be let go of')
    }
    if (!ended) wait(then)
  }
  const wait = (milliseconds: number): void => {
    timer = setTimeout(() => void look(), milliseconds)
    timer.unref()
  }
  wait(first)
  return () => {
    ended = true
    clearTimeout(timer)
  }
}
