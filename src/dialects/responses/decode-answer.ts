import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, type GatewayError } from '../../error/index.ts'
import { finished, rawOnly } from '../../model/events.ts'
import { latest } from '../../model/usage.ts'
import type { SseMessage } from '../contract.ts'
import { isObject, objectsOf, secondsOf, textOf } from '../scalars.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { type VendorFacts, WireDecoder } from '../wire-decoder.ts'
import { parseObject } from '../wire-object.ts'
import { OutputReader } from './read-output.ts'
import type { WireEvent, WireResponse } from './types.ts'
import { usageOf } from './usage.ts'

/** Events that only say that an answer was begun: an error may still take its place. */
const announcements: ReadonlySet<string> = new Set(['response.created', 'response.queued', 'response.in_progress'])

/**
 * Reads one answer of the Responses API, whole or streamed. A stream is over only with `response.completed`, `response.incomplete`
 * or `response.failed`; events of unknown types are passed over. The answer begins with the first event that is
 * more than its announcement, so that an error before is one of the whole call.
 */
export class AnswerDecoder extends WireDecoder<VendorFacts> {
  readonly #output: OutputReader
  /** The announcements so far: what the answer's start needs of them, and what is handed through after it. */
  #head: WireResponse = {}
  readonly #early: string[] = []
  #last: WireResponse | undefined

  constructor(facts: VendorFacts) {
    super('responses', facts)
    this.#output = new OutputReader(facts.vendor)
  }

  protected override readWhole(text: string, events: ChatEvent[]): void {
    const answer: WireResponse = parseObject(text, 'provider_error')
    if (answer.error != null || answer.status === 'failed') throw upstreamError(problemOf(answer))
    if (answer.status === 'queued' || answer.status === 'in_progress')
      throw fail('provider_error', 'the provider queued the request instead of answering it')
    if (answer.status === 'cancelled') throw fail('provider_error', 'the provider cancelled the answer')
    if (!Array.isArray(answer.output)) throw fail('provider_error', "the provider's answer is not a response")
    events.push(this.#start(answer))
    this.#finish(answer, events)
  }

  protected override readEvent(message: SseMessage, events: ChatEvent[]): void {
    const { data } = message
    // Some vendors end the stream as chat completions do; the answer's own end came before, or it is missing.
    if (data === '[DONE]') return
    const wire: WireEvent = parseObject(data, 'provider_interrupted')
    const type = textOf(wire.type) || (message.event ?? '')
    if (type === 'error' || (wire.type === undefined && wire.error != null))
      this.failure ??= upstreamError(problemOf(wire))
    else this.#read(type, wire, events, this.facts.passThrough ? typed(wire, type, data) : '')
  }

  protected override incomplete(): GatewayError | undefined {
    if (this.done && this.#last !== undefined) return undefined
    return fail('provider_interrupted', "the provider's stream ended before the answer was complete")
  }

  protected override rest(): ChatEvent[] {
    const word = textOf(this.#last?.incomplete_details?.reason) || textOf(this.#last?.status)
    return [finished({ reason: this.#reason(word), upstreamReason: word })]
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
    if (!this.begun && announcements.has(type)) {
      this.#head = { ...this.#head, ...wire.response }
      if (raw !== '') this.#early.push(raw)
      return
    }
    if (type === 'response.failed') {
      this.#count(wire.response)
      this.failure ??= upstreamError(problemOf(wire.response))
      this.done = true
    }
    if (this.failure !== undefined) return
    if (!this.begun) events.push(this.#start({ ...wire.response, ...this.#head }), ...this.#early.map(rawOnly))
    const first = events.length
    if (type === 'response.completed' || type === 'response.incomplete') this.#finish(wire.response ?? {}, events)
    else this.#output.event(type, wire, events)
    this.handThrough(raw, events, first)
  }

  #start(answer: WireResponse): ChatEvent {
    return this.start({
      id: textOf(answer.id),
      model: textOf(answer.model),
      created: secondsOf(answer.created_at),
      serviceTier: textOf(answer.service_tier),
    })
  }

  /** The end of the answer, with what no earlier event told of it. */
  #finish(answer: WireResponse, events: ChatEvent[]): void {
    for (const [index, item] of objectsOf(answer.output).entries()) this.#output.item(item, index, true, events)
    this.#count(answer)
    this.#last = answer
    this.done = true
  }

  #count(answer: WireResponse | null | undefined): void {
    if (isObject(answer?.usage)) this.usage = latest(this.usage, usageOf(answer.usage))
  }
}

/** An event that names its type beside its data alone, with it inside, where clients look. */
function typed(wire: WireEvent, type: string, data: string): string {
  return typeof wire.type !== 'string' && type !== '' ? JSON.stringify({ ...wire, type }) : data
}
