import { randomUUID } from 'node:crypto'
import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, type GatewayError } from '../../error/index.ts'
import { finished, logprobs, reasoningDelta, textDelta, toolCallDelta } from '../../model/events.ts'
import type { SseMessage } from '../contract.ts'
import { ratedToken } from '../logprobs.ts'
import { objectsOf, textOf } from '../scalars.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { type AnswerFacts, WireDecoder } from '../wire-decoder.ts'
import { parseObject } from '../wire-object.ts'
import type { WireAnswer, WireToolCall } from './types.ts'
import { usageOf } from './usage.ts'
import { finishReasonOf } from './words.ts'

/** Reads one answer of the native chat: one object, or the lines of a stream, which are such objects too. */
export class AnswerDecoder extends WireDecoder {
  #calls = 0
  #doneWord: string | undefined

  constructor(facts: AnswerFacts) {
    super('ollama', facts)
  }

  protected override readWhole(text: string, events: ChatEvent[]): void {
    this.#read(parseObject(text, 'provider_error'), events)
  }

  protected override readEvent({ data }: SseMessage, events: ChatEvent[]): void {
    this.#read(parseObject(data, 'provider_interrupted'), events)
  }

  protected override rest(): ChatEvent[] {
    const word = this.#doneWord ?? ''
    return [finished({ reason: finishReasonOf(word, this.#calls > 0), upstreamReason: word })]
  }

  protected override incomplete(): GatewayError | undefined {
    if (this.#doneWord !== undefined) return undefined
    return fail('provider_interrupted', "the provider's stream ended before the answer was complete")
  }

  #read(wire: WireAnswer, events: ChatEvent[]): void {
    if (wire.error !== undefined && wire.error !== null) throw upstreamError(problemOf(wire))
    if (typeof wire.message !== 'object' && wire.done === undefined)
      throw fail('provider_error', "the provider's answer is not one of a chat")
    if (!this.begun) events.push(this.#start(wire))
    const { thinking, content, tool_calls: calls } = wire.message ?? {}
    if (typeof thinking === 'string' && thinking !== '') events.push(reasoningDelta({ text: thinking }))
    if (typeof content === 'string' && content !== '') events.push(textDelta(content))
    for (const call of objectsOf(calls)) events.push(this.#call(call))
    const tokens = objectsOf(wire.logprobs).map(ratedToken)
    if (tokens.length > 0) {
      events.push(logprobs({ $typeName: 'switchyard.v1.Logprobs', content: tokens, refusal: [] }))
    }
    if (wire.done !== true) return
    this.#doneWord = textOf(wire.done_reason)
    this.usage = usageOf(wire)
    this.done = true
  }

  #start({ model, created_at: created }: WireAnswer): ChatEvent {
    const seconds = Math.trunc(Date.parse(textOf(created)) / 1000) || 0
    return this.start({ model: textOf(model), created: BigInt(Math.max(0, seconds)) })
  }

  /** Calls come whole, and before version 0.12 without an id. */
  #call({ id, function: called }: WireToolCall): ChatEvent {
    const given = called?.arguments ?? {}
    return toolCallDelta({
      index: this.#calls++,
      id: textOf(id) || `call_${randomUUID().replaceAll('-', '')}`,
      name: textOf(called?.name),
      argumentsJson: typeof given === 'string' ? given : JSON.stringify(given),
    })
  }
}
