import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { fail, GatewayError } from '../../error/index.ts'
import { finished, rawOnly, started, usageEvent } from '../../model/events.ts'
import { latest } from '../../model/usage.ts'
import type { ChatDecoder, Ending, SseMessage } from '../contract.ts'
import { isObject, objectsOf, secondsOf, textOf } from '../scalars.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { OutputReader } from './read-output.ts'
import type { WireEvent, WireResponse } from './types.ts'
import { usageOf } from './usage.ts'

/** What a decoder needs to know of the call. */
export interface AnswerFacts {
  /** Hand the upstream's own events through as `raw`. */
  readonly passThrough: boolean
  readonly dropped: readonly string[]
  readonly upstreamRequestId: string
  /** Names the vendor in signatures and parts, so that they return to it alone. */
  readonly vendor: string
}

/** Events that only say that an answer was begun: an error may still take its place. */
const announcements: ReadonlySet<string> = new Set(['response.created', 'response.queued', 'response.in_progress'])

/**
 * Reads one answer of the Responses API, whole or streamed. A stream is over only with `response.completed`, `response.incomplete`
 * or `response.failed`; events of unknown types are passed over. The answer begins with the first event that is
 * more than its announcement, so that an error before is one of the whole call.
 */
export class AnswerDecoder implements ChatDecoder {
  readonly #facts: AnswerFacts
  readonly #output: OutputReader
  #begun = false
  /** The announcements so far: what the answer's start needs of them, and what is handed through after it. */
  #head: WireResponse = {}
  readonly #early: string[] = []
  #last: WireResponse | undefined
  #done = false
  #usage: Usage | undefined
  #failure: GatewayError | undefined

  constructor(facts: AnswerFacts) {
    this.#facts = facts
    this.#output = new OutputReader(facts.vendor)
  }

  get complete(): boolean {
    return this.#done
  }

  whole(text: string): ChatEvent[] {
    try {
      return this.#whole(text)
    } catch (error) {
      throw error instanceof GatewayError ? error : unreadable('provider_error', error)
    }
  }

  #whole(text: string): ChatEvent[] {
    const answer = parseObject(text, 'provider_error') as WireResponse
    if (answer.error != null || answer.status === 'failed') throw upstreamError(problemOf(answer))
    if (answer.status === 'queued' || answer.status === 'in_progress')
      throw fail('provider_error', 'the provider queued the request instead of answering it')
    if (answer.status === 'cancelled') throw fail('provider_error', 'the provider cancelled the answer')
    if (!Array.isArray(answer.output)) throw fail('provider_error', "the provider's answer is not a response")
    const events = [this.#start(answer)]
    this.#finish(answer, events)
    const { events: ending, failure } = this.end()
    if (failure !== undefined) throw failure
    events.push(...ending)
    const last = events.at(-1)
    if (this.#facts.passThrough && last !== undefined) last.rawResponse = text.trim()
    return events
  }

  event(message: SseMessage): ChatEvent[] {
    const { data } = message
    // Some vendors end the stream as chat completions do; the answer's own end came before, or it is missing.
    if (data === '[DONE]') return []
    const events: ChatEvent[] = []
    try {
      const wire = parseObject(data, 'provider_interrupted') as WireEvent
      const type = textOf(wire.type) || (message.event ?? '')
      if (type === 'error' || (wire.type === undefined && wire.error != null))
        this.#failure ??= upstreamError(problemOf(wire))
      else this.#read(type, wire, events, this.#facts.passThrough ? typed(wire, type, data) : '')
    } catch (error) {
      this.#failure ??= error instanceof GatewayError ? error : unreadable('provider_error', error)
      this.#done = true
    }
    return events
  }

  end(): Ending {
    const counted = this.#usage === undefined ? [] : [usageEvent(this.#usage)]
    const failure =
      this.#failure ??
      (this.#done && this.#last !== undefined
        ? undefined
        : fail('provider_interrupted', "the provider's stream ended before the answer was complete"))
    if (failure !== undefined) return { events: counted, failure }
    const word = textOf(this.#last?.incomplete_details?.reason) || textOf(this.#last?.status)
    return { events: [finished({ reason: this.#reason(word), upstreamReason: word }), ...counted] }
  }

  #reason(word: string): FinishReason {
    switch (word) {
      case 'max_output_tokens':
        return FinishReason.LENGTH
      case 'content_filter':
        return FinishReason.CONTENT_FILTER
      case '':
      case 'completed':
        if (this.#output.called) return FinishReason.TOOL_CALLS
        return this.#output.refused ? FinishReason.REFUSAL : FinishReason.STOP
      default:
        return FinishReason.OTHER
    }
  }

  #read(type: string, wire: WireEvent, events: ChatEvent[], raw: string): void {
    if (!this.#begun && announcements.has(type)) {
      this.#head = { ...this.#head, ...wire.response }
      if (raw !== '') this.#early.push(raw)
      return
    }
    if (type === 'response.failed') {
      this.#count(wire.response)
      this.#failure ??= upstreamError(problemOf(wire.response))
      this.#done = true
    }
    if (this.#failure !== undefined) return
    if (!this.#begun) events.push(this.#start({ ...wire.response, ...this.#head }), ...this.#early.map(rawOnly))
    const first = events.length
    if (type === 'response.completed' || type === 'response.incomplete') this.#finish(wire.response ?? {}, events)
    else this.#output.event(type, wire, events)
    if (raw === '') return
    const head = events[first]
    if (head === undefined) events.push(rawOnly(raw))
    else head.raw = raw
  }

  #start(answer: WireResponse): ChatEvent {
    this.#begun = true
    const { passThrough, dropped, upstreamRequestId } = this.#facts
    return started({
      id: textOf(answer.id),
      model: textOf(answer.model),
      created: secondsOf(answer.created_at),
      rawDialect: passThrough ? 'responses' : '',
      dropped: [...dropped],
      upstreamRequestId,
      serviceTier: textOf(answer.service_tier),
    })
  }

  /** The end of the answer, with what no earlier event told of it. */
  #finish(answer: WireResponse, events: ChatEvent[]): void {
    for (const [index, item] of objectsOf(answer.output).entries()) this.#output.item(item, index, true, events)
    this.#count(answer)
    this.#last = answer
    this.#done = true
  }

  #count(answer: WireResponse | null | undefined): void {
    if (isObject(answer?.usage)) this.#usage = latest(this.#usage, usageOf(answer.usage))
  }
}

/** An event that names its type beside its data alone, with it inside, where clients look. */
function typed(wire: WireEvent, type: string, data: string): string {
  return typeof wire.type !== 'string' && type !== '' ? JSON.stringify({ ...wire, type }) : data
}

function parseObject(text: string, reason: 'provider_error' | 'provider_interrupted'): object {
  try {
    const value: unknown = JSON.parse(text)
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value
  } catch {
    // Reported below, like any other text that is not an object.
  }
  throw unreadable(reason)
}

/** The error of an answer that is not what the format says. */
function unreadable(reason: 'provider_error' | 'provider_interrupted', cause?: unknown): GatewayError {
  return fail(reason, "the provider's answer could not be read", { cause })
}
