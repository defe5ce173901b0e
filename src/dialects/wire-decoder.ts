import type { ChatEvent, Started } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { GatewayError } from '../error/index.ts'
import { type Fields, rawOnly, started, usageEvent } from '../model/events.ts'
import type { ChatDecoder, Ending, SseMessage } from './client-operations.ts'
import { readingError } from './wire-object.ts'

/** What a decoder needs to know of the call. */
export interface AnswerFacts {
  /** Hand the upstream's own chunks through as `raw`. */
  readonly passThrough: boolean
  readonly dropped: readonly string[]
  readonly upstreamRequestId: string
}

/** The same, for formats in which vendors seal what only they can read. */
export interface VendorFacts extends AnswerFacts {
  /** Names the vendor in signatures and in pieces of its own, so that they return to it alone. */
  readonly vendor: string
}

/** What is the same in reading an answer of any format: how it begins, is handed through, fails and ends. */
export abstract class WireDecoder<Facts extends AnswerFacts = AnswerFacts> implements ChatDecoder {
  protected readonly facts: Facts
  /** The start of the answer was told. */
  protected begun = false
  /** The rest need not be read. */
  protected done = false
  /** As far as it was told. */
  protected usage: Usage | undefined
  /** What went wrong first. */
  protected failure: GatewayError | undefined
  readonly #dialect: string

  /** `dialect` names the format, for answers that are handed through. */
  constructor(dialect: string, facts: Facts) {
    this.#dialect = dialect
    this.facts = facts
  }

  get complete(): boolean {
    return this.done
  }

  whole(text: string): ChatEvent[] {
    const events: ChatEvent[] = []
    try {
      this.readWhole(text, events)
      const { events: ending, failure } = this.end()
      if (failure !== undefined) throw failure
      events.push(...ending)
    } catch (error) {
      throw readingError(error)
    }
    const last = events.at(-1)
    if (this.facts.passThrough && last !== undefined) last.rawResponse = text.trim()
    return events
  }

  event(message: SseMessage): ChatEvent[] {
    const events: ChatEvent[] = []
    try {
      this.readEvent(message, events)
    } catch (error) {
      this.failure ??= readingError(error)
      this.done = true
    }
    return events
  }

  end(): Ending {
    const usage = this.counted()
    const told = usage === undefined ? [] : [usageEvent(usage)]
    const failure = this.failure ?? this.incomplete()
    if (failure !== undefined) return { events: told, failure }
    this.done = true
    return { events: [...this.rest(), ...told] }
  }

  /** Reads all of an answer. Throws where it is none, or an error. */
  protected abstract readWhole(text: string, events: ChatEvent[]): void

  /** Reads one event of a stream. What it throws ends the stream. */
  protected abstract readEvent(message: SseMessage, events: ChatEvent[]): void

  /** Why the answer so far must not pass for a complete one; undefined when it may. */
  protected abstract incomplete(): GatewayError | undefined

  /** What is left to say at the end of a complete answer beside its usage: how each choice ended. */
  protected abstract rest(): ChatEvent[]

  protected counted(): Usage | undefined {
    return this.usage
  }

  /** The start of the answer: what the upstream tells of it, and what is known of the call. */
  protected start(told: Partial<Fields<Started>>): ChatEvent {
    this.begun = true
    const { passThrough, dropped, upstreamRequestId } = this.facts
    return started({ ...told, rawDialect: passThrough ? this.#dialect : '', dropped: [...dropped], upstreamRequestId })
  }

  /** Hands a chunk through, where that is wanted: with the first of the events made of it, or alone. Those begin at `first`. */
  protected handThrough(raw: string, events: ChatEvent[], first: number): void {
    if (raw === '') return
    const head = events[first]
    if (head === undefined) events.push(rawOnly(raw))
    else head.raw = raw
  }
}
