import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { fail } from '../error/index.ts'
import type { End } from './operation.ts'

/** Events that may follow the end of the last choice: a few are usual, for usage and the like. */
const most = 10_000

const none: readonly never[] = []

/** An event of a stream with choices, each of which ends. */
interface ChoiceEvent {
  readonly event: { readonly case: string | undefined }
  readonly choice: number
  readonly raw: string
}

/**
 * Holds the end of an answer back, until the call is settled. Everything up to the end of the last choice goes out as it comes: a
 * client waits for nothing it could read.
 */
export class HoldBack<Event extends ChoiceEvent> implements End<Event> {
  readonly #choices: number
  readonly #finished = new Set<number>()
  readonly #held: Event[] = []
  readonly #usageEvent: (usage: Usage) => Event
  #isHolding = false

  /** `choices` answers were asked for; `usageEvent` makes the event that tells a usage. */
  constructor(choices: number, usageEvent: (usage: Usage) => Event) {
    this.#choices = choices
    this.#usageEvent = usageEvent
  }

  get held(): readonly Event[] {
    return this.#held
  }

  pass(batch: readonly Event[]): readonly Event[] {
    const start = this.#isHolding ? 0 : this.#end(batch)
    if (start === undefined) return batch
    this.#isHolding = true
    this.#add(batch.slice(start))
    return start === 0 ? none : batch.slice(0, start)
  }

  addUsage(usage: Usage): void {
    this.#add([this.#usageEvent(usage)])
  }

  #add(events: readonly Event[]): void {
    if (this.#held.length + events.length > most) throw fail('provider_error', 'the provider does not end its answer')
    this.#held.push(...events)
  }

  /** Where in the batch the last choice ends. A chunk of the upstream's own, which the first of its events carries, is not torn. */
  #end(batch: readonly Event[]): number | undefined {
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

/** Holds only the usage back, for answers without an end of their own: it is over when nothing follows. The last usage told holds. */
export class UsageEnd<Event extends Pick<ChoiceEvent, 'event'>> implements End<Event> {
  readonly held: Event[] = []
  readonly #usageEvent: (usage: Usage) => Event

  constructor(usageEvent: (usage: Usage) => Event) {
    this.#usageEvent = usageEvent
  }

  pass(batch: readonly Event[]): readonly Event[] {
    const told = batch.findLast(isUsage)
    if (told === undefined) return batch
    this.held.splice(0, 1, told)
    return batch.filter((event) => !isUsage(event))
  }

  addUsage(usage: Usage): void {
    this.held.push(this.#usageEvent(usage))
  }
}

function isUsage({ event }: Pick<ChoiceEvent, 'event'>): boolean {
  return event.case === 'usage'
}
