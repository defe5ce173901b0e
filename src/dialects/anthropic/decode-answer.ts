import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, GatewayError } from '../../error/index.ts'
import { finished, rawOnly, started, usageEvent } from '../../model/events.ts'
import type { ChatDecoder, Ending, SseMessage } from '../contract.ts'
import { isObject, objectsOf, textOf } from '../scalars.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { BlockReader } from './block-reader.ts'
import type { WireEvent, WireMessage, WireUsage } from './types.ts'
import { revise, tellsOutput, usageOf } from './usage.ts'
import { finishReasonOf } from './words.ts'

/** What a decoder needs to know of the call. */
export interface AnswerFacts {
  /** Hand the upstream's own events through as `raw`. */
  readonly passThrough: boolean
  readonly dropped: readonly string[]
  readonly upstreamRequestId: string
  /** Names the vendor in signatures and in pieces of its own, so that they return to it alone. */
  readonly vendor: string
}

/** Reads one answer of Anthropic's messages, whole or streamed. */
export class AnswerDecoder implements ChatDecoder {
  readonly #facts: AnswerFacts
  readonly #blocks: BlockReader
  #begun = false
  #id = ''
  /** Events from before the answer began, to be handed through after its start. */
  readonly #early: string[] = []
  #done = false
  #stopWord: string | undefined
  #stopSequence = ''
  #usage: WireUsage | undefined
  /** Until a stream tells its output, the number it began with is not what the answer has. */
  #provisional = false
  #failure: GatewayError | undefined

  constructor(facts: AnswerFacts) {
    this.#facts = facts
    this.#blocks = new BlockReader(facts.vendor)
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
    const answer = parseObject(text, 'provider_error') as WireMessage
    if (answer.type === 'error' || answer.error != null) throw upstreamError(problemOf(answer))
    if (!Array.isArray(answer.content)) throw fail('provider_error', "the provider's answer is not a message")
    const events: ChatEvent[] = []
    this.#begin(answer, events)
    this.#provisional = false
    this.#done = true
    events.push(...this.end().events)
    const last = events.at(-1)
    if (this.#facts.passThrough && last !== undefined) last.rawResponse = text.trim()
    return events
  }

  event({ data }: SseMessage): ChatEvent[] {
    const events: ChatEvent[] = []
    try {
      this.#read(parseObject(data, 'provider_interrupted'), events, this.#facts.passThrough ? data : '')
    } catch (error) {
      this.#failure ??= error instanceof GatewayError ? error : unreadable('provider_error', error)
      this.#done = true
    }
    return events
  }

  end(): Ending {
    const counted = this.#usage === undefined ? [] : [usageEvent(usageOf(this.#usage, this.#provisional))]
    const failure = this.#failure ?? this.#incomplete()
    if (failure !== undefined) return { events: counted, failure }
    this.#done = true
    const word = this.#stopWord ?? ''
    const reason = finishReasonOf(word, this.#blocks.called)
    return {
      events: [
        ...this.#blocks.closeAll(),
        finished({ reason, upstreamReason: word, stopSequence: this.#stopSequence }),
        ...counted,
      ],
    }
  }

  /** Why the answer must not pass for a complete one: it never began, or just ended. */
  #incomplete(): GatewayError | undefined {
    if (this.#begun && (this.#done || this.#stopWord !== undefined)) return undefined
    return fail('provider_interrupted', "the provider's stream ended before the answer was complete")
  }

  #read(wire: WireEvent, events: ChatEvent[], raw: string): void {
    if (wire.type === 'error' || (wire.type === undefined && wire.error != null)) throw upstreamError(problemOf(wire))
    if (!this.#begun && wire.type !== 'message_start') {
      if (wire.type === 'message_stop') throw unreadable('provider_error')
      if (raw !== '') this.#early.push(raw)
      return
    }
    this.#readEvent(wire, events)
    if (raw === '') return
    const [first] = events
    if (first === undefined) events.push(rawOnly(raw))
    else first.raw = raw
    if (wire.type === 'message_start') events.push(...this.#early.splice(0).map(rawOnly))
  }

  #readEvent(wire: WireEvent, events: ChatEvent[]): void {
    switch (wire.type) {
      case 'message_start':
        if (this.#begun) this.#continue(wire.message ?? {})
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
        this.#done = true
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
    this.#begun = true
    this.#id = message.id ?? ''
    const { passThrough, dropped, upstreamRequestId } = this.#facts
    const tier = message.usage?.service_tier
    events.push(
      started({
        id: textOf(message.id),
        model: textOf(message.model),
        rawDialect: passThrough ? 'anthropic' : '',
        dropped: [...dropped],
        upstreamRequestId,
        serviceTier: textOf(tier),
      }),
    )
    if (isObject(message.usage)) this.#usage = revise(this.#usage, message.usage)
    this.#provisional = message.stop_reason == null
    for (const [index, block] of objectsOf(message.content).entries()) {
      events.push(...this.#blocks.open(index, block), ...this.#blocks.close(index))
    }
    this.#stop({ stop_reason: message.stop_reason, stop_sequence: message.stop_sequence })
  }

  #revise(wire: WireUsage): void {
    this.#usage = revise(this.#usage, wire)
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

function parseObject(text: string, reason: 'provider_error' | 'provider_interrupted'): WireEvent {
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
