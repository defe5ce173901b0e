import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { fail, type GatewayError } from '../../error/index.ts'
import { finished, rawOnly } from '../../model/events.ts'
import type { SseMessage } from '../contract.ts'
import { isObject, objectsOf, textOf } from '../scalars.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { type VendorFacts, WireDecoder } from '../wire-decoder.ts'
import { parseObject, unreadable } from '../wire-object.ts'
import { BlockReader } from './block-reader.ts'
import type { WireEvent, WireMessage, WireUsage } from './types.ts'
import { revise, tellsOutput, usageOf } from './usage.ts'
import { finishReasonOf } from './words.ts'

/** Reads one answer of Anthropic's messages, whole or streamed. */
export class AnswerDecoder extends WireDecoder<VendorFacts> {
  readonly #blocks: BlockReader
  #id = ''
  /** Events from before the answer began, to be handed through after its start. */
  readonly #early: string[] = []
  #stopWord: string | undefined
  #stopSequence = ''
  #counts: WireUsage | undefined
  /** Until a stream tells its output, the number it began with is not what the answer has. */
  #provisional = false

  constructor(facts: VendorFacts) {
    super('anthropic', facts)
    this.#blocks = new BlockReader(facts.vendor)
  }

  protected override readWhole(text: string, events: ChatEvent[]): void {
    const answer: WireMessage = parseObject(text, 'provider_error')
    if (answer.type === 'error' || answer.error != null) throw upstreamError(problemOf(answer))
    if (!Array.isArray(answer.content)) throw fail('provider_error', "the provider's answer is not a message")
    this.#begin(answer, events)
    this.#provisional = false
    this.done = true
  }

  protected override readEvent({ data }: SseMessage, events: ChatEvent[]): void {
    this.#read(parseObject(data, 'provider_interrupted'), events, this.facts.passThrough ? data : '')
  }

  protected override counted(): Usage | undefined {
    return this.#counts && usageOf(this.#counts, this.#provisional)
  }

  protected override rest(): ChatEvent[] {
    const word = this.#stopWord ?? ''
    const reason = finishReasonOf(word, this.#blocks.called)
    return [...this.#blocks.closeAll(), finished({ reason, upstreamReason: word, stopSequence: this.#stopSequence })]
  }

  /** It never began, or just ended. */
  protected override incomplete(): GatewayError | undefined {
    if (this.begun && (this.done || this.#stopWord !== undefined)) return undefined
    return fail('provider_interrupted', "the provider's stream ended before the answer was complete")
  }

  #read(wire: WireEvent, events: ChatEvent[], raw: string): void {
    if (wire.type === 'error' || (wire.type === undefined && wire.error != null)) throw upstreamError(problemOf(wire))
    if (!this.begun && wire.type !== 'message_start') {
      if (wire.type === 'message_stop') throw unreadable('provider_error')
      if (raw !== '') this.#early.push(raw)
      return
    }
    this.#readEvent(wire, events)
    this.handThrough(raw, events, 0)
    if (wire.type === 'message_start') events.push(...this.#early.splice(0).map(rawOnly))
  }

  #readEvent(wire: WireEvent, events: ChatEvent[]): void {
    switch (wire.type) {
      case 'message_start':
        if (this.begun) this.#continue(wire.message ?? {})
        else this.#begin(wire.message ?? {}, events)
        return
      case 'content_block_start':
        events.push(...this.#blocks.open(indexOf(wire), wire.content_block ?? {}))
        return
      case 'content_block_delta':
        events.push(...this.#blocks.add(indexOf(wire), wire.delta ?? {}))
        return
      case 'content_block_stop':
        events.push(...this.#blocks.close(indexOf(wire)))
        return
      case 'message_delta':
        this.#stop(wire.delta ?? {})
        if (isObject(wire.usage)) this.#revise(wire.usage)
        return
      case 'message_stop':
        this.done = true
        return
      // Pings, and whatever the vendor adds: said to be ignored.
      default:
    }
  }

  /** A start said twice is one. Another answer's start means that this one will never end. */
  #continue({ id = '' }: WireMessage): void {
    if (id === this.#id) return
    throw fail('provider_interrupted', 'the provider began another answer before the end of this one')
  }

  /** The start of an answer; a continued or a whole one has its content and its end in it. */
  #begin(message: WireMessage, events: ChatEvent[]): void {
    this.#id = message.id ?? ''
    const serviceTier = textOf(message.usage?.service_tier)
    events.push(this.start({ id: textOf(message.id), model: textOf(message.model), serviceTier }))
    if (isObject(message.usage)) this.#counts = revise(this.#counts, message.usage)
    this.#provisional = message.stop_reason == null
    for (const [index, block] of objectsOf(message.content).entries()) {
      events.push(...this.#blocks.open(index, block), ...this.#blocks.close(index))
    }
    this.#stop({ stop_reason: message.stop_reason, stop_sequence: message.stop_sequence })
  }

  #revise(wire: WireUsage): void {
    this.#counts = revise(this.#counts, wire)
    if (tellsOutput(wire)) this.#provisional = false
  }

  #stop({ stop_reason: word, stop_sequence: sequence }: Record<string, unknown>): void {
    if (typeof word === 'string' && word !== '') this.#stopWord = word
    if (typeof sequence === 'string') this.#stopSequence = sequence
  }
}

function indexOf({ index }: WireEvent): number {
  return typeof index === 'number' ? index : 0
}
