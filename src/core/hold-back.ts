import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../error/index.ts'

/** Events that may follow the end of the last choice: a few are usual, for usage and the like. */
const most = 10_000

const none: readonly ChatEvent[] = []

/**
 * Holds the end of an answer back, until the call is settled. Everything up to the end of the last choice goes out as it comes: a
 * client waits for nothing it could read.
 */
export class HoldBack {
  readonly #choices: number
  readonly #finished = new Set<number>()
  readonly #held: ChatEvent[] = []
  #isHolding = false

  /** `choices` answers were asked for. */
  constructor(choices: number) {
    this.#choices = choices
  }

  /** What was held back. */
  get held(): readonly ChatEvent[] {
    return this.#held
  }

  /** What of a batch may go out at once. Throws `provider_error` when an answer that has ended does not stop. */
  pass(batch: readonly ChatEvent[]): readonly ChatEvent[] {
    const start = this.#isHolding ? 0 : this.#end(batch)
    if (start === undefined) return batch
    this.#isHolding = true
    this.add(...batch.slice(start))
    return start === 0 ? none : batch.slice(0, start)
  }

  /** Holds back what the gateway itself has to say. */
  add(...events: readonly ChatEvent[]): void {
    if (this.#held.length + events.length > most) throw fail('provider_error', 'the provider does not end its answer')
    this.#held.push(...events)
  }

  /** Where in the batch the last choice ends. A chunk of the upstream's own, which the first of its events carries, is not torn. */
  #end(batch: readonly ChatEvent[]): number | undefined {
    const end = batch.findIndex(({ event, choice }) => {
      if (event.case !== 'finished') return false
      this.#finished.add(choice)
      return this.#finished.size >= this.#choices
    })
    if (end < 0) return undefined
    const chunk = batch.findLastIndex(({ raw }, place) => place <= end && raw !== '')
    return chunk < 0 ? end : chunk
  }
}
