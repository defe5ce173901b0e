import { randomUUID } from 'node:crypto'
import { type ChatEvent, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, type GatewayError } from '../../error/index.ts'
import { annotation, finished, reasoningDelta, textDelta, toolCallDelta } from '../../model/events.ts'
import type { SseMessage } from '../contract.ts'
import { countOf, isObject, objectsOf, rawOf, textOf } from '../scalars.ts'
import { scrub } from '../scrub.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { type AnswerFacts, WireDecoder } from '../wire-decoder.ts'
import { parseObject } from '../wire-object.ts'
import type { WireAnswer, WireCitation, WireContent, WireEvent, WireToolCall, WireUsage } from './types.ts'
import { usageOf } from './usage.ts'
import { finishReasonOf } from './words.ts'

interface CallState {
  readonly index: number
  /** False until a piece of the arguments is here. */
  begun: boolean
}

/**
 * Reads one answer of the chat of version 2, whole or streamed. The plan a model tells before it calls tools (`tool_plan`) is
 * reasoning here, as it is of no use to whoever runs the tools and is no part of the answer.
 */
export class AnswerDecoder extends WireDecoder {
  /** By the upstream's index. */
  readonly #calls = new Map<number, CallState>()
  #called = 0
  #finishWord: string | undefined

  constructor(facts: AnswerFacts) {
    super('cohere', facts)
  }

  protected override readWhole(text: string, events: ChatEvent[]): void {
    const answer: WireAnswer = parseObject(text, 'provider_error')
    const { message } = answer
    if (message === null || typeof message !== 'object' || typeof answer.finish_reason !== 'string')
      throw fail('provider_error', "the provider's answer is not one of the chat of version 2")
    events.push(this.start({ id: textOf(answer.id) }))
    events.push(...planOf(message.tool_plan))
    const notes = objectsOf(message.citations).filter(isOfText)
    const content = objectsOf(message.content)
    const lastText = content.findLastIndex(({ type }) => type === 'text')
    for (const [index, block] of content.entries()) {
      events.push(...contentOf(block))
      if (block.type !== 'text') continue
      events.push(...notes.filter(({ content_index: about = lastText }) => about === index).map(citationOf))
    }
    for (const call of objectsOf(message.tool_calls)) this.#openCall(this.#called, call, events)
    this.#finish(answer.finish_reason, answer.error, answer.usage)
  }

  protected override readEvent({ data }: SseMessage, events: ChatEvent[]): void {
    if (data === '[DONE]') this.done = true
    else this.#read(parseObject(data, 'provider_interrupted'), events)
  }

  protected override rest(): ChatEvent[] {
    const word = this.#finishWord ?? ''
    return [finished({ reason: finishReasonOf(word, this.#called > 0), upstreamReason: word })]
  }

  protected override incomplete(): GatewayError | undefined {
    if (this.#finishWord !== undefined) return undefined
    return fail('provider_interrupted', "the provider's stream ended before the answer was complete")
  }

  #read(wire: WireEvent, events: ChatEvent[]): void {
    if (wire.error !== undefined && wire.error !== null) throw upstreamError(problemOf(wire))
    if (wire.type === undefined && typeof wire.message === 'string') throw refused(wire.message)
    if (!this.begun) events.push(this.start({ id: textOf(wire.id) }))
    const message = wire.delta?.message
    switch (wire.type) {
      case 'content-start':
      case 'content-delta':
        events.push(...contentOf(message?.content ?? {}))
        return
      case 'tool-plan-delta':
        events.push(...planOf(message?.tool_plan))
        return
      case 'tool-call-start':
        this.#openCall(wire.index ?? this.#called, message?.tool_calls ?? {}, events)
        return
      case 'tool-call-delta':
        this.#readCall(wire.index ?? this.#called - 1, message?.tool_calls ?? {}, events)
        return
      case 'tool-call-end':
        this.#closeCall(wire.index ?? this.#called - 1, events)
        return
      case 'citation-start':
        events.push(...citationsIn(message?.citations).filter(isOfText).map(citationOf))
        return
      case 'message-end':
        for (const index of this.#calls.keys()) this.#closeCall(index, events)
        this.#finish(textOf(wire.delta?.finish_reason), wire.delta?.error, wire.delta?.usage)
        this.done = true
        return
      default: // message-start, content-end, citation-end, and what the vendor may add
    }
  }

  #openCall(wireIndex: number, { id, function: called }: WireToolCall, events: ChatEvent[]): void {
    const given = textOf(called?.arguments)
    const state: CallState = { index: this.#called++, begun: given !== '' }
    this.#calls.set(wireIndex, state)
    const known = textOf(id) || `call_${randomUUID().replaceAll('-', '')}`
    events.push(toolCallDelta({ index: state.index, id: known, name: textOf(called?.name), argumentsJson: given }))
  }

  #readCall(wireIndex: number, wire: WireToolCall, events: ChatEvent[]): void {
    const state = this.#calls.get(wireIndex)
    if (state === undefined) {
      this.#openCall(wireIndex, wire, events)
      return
    }
    const argumentsJson = textOf(wire.function?.arguments)
    if (argumentsJson === '') return
    state.begun = true
    events.push(toolCallDelta({ index: state.index, argumentsJson }))
  }

  /** A call without a piece of arguments has none: `{}`. */
  #closeCall(wireIndex: number, events: ChatEvent[]): void {
    const state = this.#calls.get(wireIndex)
    if (state === undefined || state.begun) return
    state.begun = true
    events.push(toolCallDelta({ index: state.index, argumentsJson: '{}' }))
  }

  #finish(word: string, error: string | undefined, wireUsage: WireUsage | null | undefined): void {
    this.#finishWord ??= word
    if (isObject(wireUsage)) this.usage = usageOf(wireUsage)
    if (finishReasonOf(word, false) === FinishReason.ERROR) this.failure ??= refused(textOf(error) || word)
  }
}

/** The vendor gave up an answer it had begun. */
function refused(message: string): GatewayError {
  return fail('provider_error', `the provider ended the answer with an error: ${scrub(message)}`, { quotes: true })
}

function contentOf({ text, thinking }: WireContent): ChatEvent[] {
  if (typeof thinking === 'string' && thinking !== '') return [reasoningDelta({ text: thinking })]
  return typeof text === 'string' && text !== '' ? [textDelta(text)] : []
}

function planOf(plan: unknown): ChatEvent[] {
  return textOf(plan) === '' ? [] : [reasoningDelta({ text: textOf(plan) })]
}

function citationsIn(value: WireCitation | readonly WireCitation[] | undefined): readonly WireCitation[] {
  return objectsOf(Array.isArray(value) ? (value as readonly WireCitation[]) : [value as WireCitation])
}

/** Notes on reasoning and plans have offsets in those, and no place. */
function isOfText({ type }: WireCitation): boolean {
  return type === undefined || type === 'TEXT_CONTENT'
}

function citationOf(wire: WireCitation): ChatEvent {
  const sources = objectsOf(wire.sources).map(({ document, tool_output: output }) => document ?? output ?? {})
  const word = (key: string): string =>
    sources.map((source) => source[key]).find((value) => typeof value === 'string') ?? ''
  return annotation({
    $typeName: 'switchyard.v1.Annotation',
    type: 'citation',
    url: word('url'),
    title: word('title'),
    startIndex: countOf(wire.start),
    endIndex: countOf(wire.end),
    raw: rawOf(wire),
  })
}
