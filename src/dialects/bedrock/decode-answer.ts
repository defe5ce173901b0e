import { Buffer } from 'node:buffer'
import type { JsonObject } from '@bufbuild/protobuf'
import { type ChatEvent, FinishReason, type Signature } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, type GatewayError } from '../../error/index.ts'
import {
  annotation,
  finished,
  image,
  providerPart,
  reasoningDelta,
  textDelta,
  toolCallDelta,
} from '../../model/events.ts'
import type { SseMessage } from '../contract.ts'
import { isObject, objectsOf, rawOf, textOf } from '../scalars.ts'
import { type VendorFacts, WireDecoder } from '../wire-decoder.ts'
import { parseObject } from '../wire-object.ts'
import { exceptionError } from './errors.ts'
import { exceptionEvent } from './frames.ts'
import type {
  WireAnswer,
  WireBlock,
  WireCitation,
  WireDelta,
  WireEvent,
  WireStart,
  WireToolUse,
  WireUsage,
} from './types.ts'
import { usageOf } from './usage.ts'
import { finishReasonOf } from './words.ts'

/** What is known of one block of a stream while its pieces arrive. */
interface BlockState {
  /** Our index of the tool call this block is. */
  readonly call: number | undefined
  /** The pieces of the arguments, or of the input of a tool that the vendor runs. */
  input: string
  /** A tool that the vendor runs, or its result: told when it is complete. */
  readonly served: WireStart | undefined
  readonly results: JsonObject[]
  readonly imageFormat: string
}

/** Reads one answer of Converse, or of ConverseStream from its frames. The filler `p` of every frame is dropped. */
export class AnswerDecoder extends WireDecoder<VendorFacts> {
  readonly #blocks = new Map<number, BlockState>()
  #calls = 0
  #stopWord: string | undefined
  #stopSequence = ''

  constructor(facts: VendorFacts) {
    super('bedrock', facts)
  }

  protected override readWhole(text: string, events: ChatEvent[]): void {
    const answer: WireAnswer = parseObject(text, 'provider_error')
    const content = answer.output?.message?.content
    if (!Array.isArray(content) || typeof answer.stopReason !== 'string')
      throw fail('provider_error', "the provider's answer is not one of Converse")
    events.push(this.start({ serviceTier: textOf(answer.serviceTier?.type) }))
    for (const block of content as readonly WireBlock[]) this.#readBlock(block, events)
    this.#stop(answer)
    this.#count(answer.usage)
  }

  protected override readEvent({ event, data }: SseMessage, events: ChatEvent[]): void {
    const wire: WireEvent & { readonly type?: string } = parseObject(data, 'provider_interrupted')
    if (event === exceptionEvent) throw exceptionError(textOf(wire.type), textOf(wire.message))
    this.#read(event ?? '', wire, events)
  }

  protected override rest(): ChatEvent[] {
    const word = this.#stopWord ?? ''
    const reason = finishReasonOf(word, this.#calls > 0)
    return [finished({ reason, upstreamReason: word, stopSequence: this.#stopSequence })]
  }

  protected override incomplete(): GatewayError | undefined {
    if (this.#stopWord === undefined)
      return fail('provider_interrupted', "the provider's stream ended before the answer was complete")
    if (finishReasonOf(this.#stopWord, false) === FinishReason.ERROR)
      return fail('provider_error', `the provider ended the answer with "${this.#stopWord}"`)
    return undefined
  }

  #read(event: string, wire: WireEvent, events: ChatEvent[]): void {
    if (!this.begun && this.failure === undefined) events.push(this.start({}))
    const index = wire.contentBlockIndex ?? 0
    switch (event) {
      case 'contentBlockStart':
        this.#open(index, wire.start ?? {}, events)
        return
      case 'contentBlockDelta':
        this.#readDelta(index, wire.delta ?? {}, events)
        return
      case 'contentBlockStop':
        this.#close(index, events)
        return
      case 'messageStop':
        for (const open of this.#blocks.keys()) this.#close(open, events)
        this.#stop(wire)
        return
      case 'metadata':
        this.#count(wire.usage)
        this.done = this.#stopWord !== undefined
        return
      default: // messageStart, and what the service may add
    }
  }

  #stop({ stopReason, additionalModelResponseFields: more }: WireEvent): void {
    this.#stopWord ??= textOf(stopReason)
    if (more === null || typeof more !== 'object' || !('stop_sequence' in more)) return
    if (typeof more.stop_sequence === 'string') this.#stopSequence = more.stop_sequence
  }

  #count(wire: WireUsage | undefined): void {
    if (isObject(wire)) this.usage = usageOf(wire)
  }

  #open(index: number, start: WireStart, events: ChatEvent[]): BlockState {
    const { toolUse } = start
    const calling = toolUse !== undefined && !isServed(toolUse)
    const served = (toolUse !== undefined && !calling) || start.toolResult !== undefined ? start : undefined
    const state: BlockState = {
      call: calling ? this.#calls++ : undefined,
      input: '',
      served,
      results: [],
      imageFormat: textOf(start.image?.format) || 'png',
    }
    this.#blocks.set(index, state)
    if (state.call !== undefined)
      events.push(toolCallDelta({ index: state.call, id: textOf(toolUse?.toolUseId), name: textOf(toolUse?.name) }))
    return state
  }

  #readDelta(index: number, delta: WireDelta, events: ChatEvent[]): void {
    if (typeof delta.text === 'string' && delta.text !== '') events.push(textDelta(delta.text))
    if (isObject(delta.citation)) events.push(cited(delta.citation))
    const { reasoningContent: reasoning, toolUse } = delta
    if (reasoning !== undefined) events.push(...this.#reasoning(reasoning))
    if (toolUse !== undefined) {
      const state = this.#blocks.get(index) ?? this.#open(index, { toolUse: {} }, events)
      const input = textOf(toolUse.input)
      state.input += input
      if (state.call !== undefined && input !== '')
        events.push(toolCallDelta({ index: state.call, argumentsJson: input }))
    }
    if (Array.isArray(delta.toolResult)) this.#blocks.get(index)?.results.push(...(delta.toolResult as JsonObject[]))
    if (typeof delta.image?.source?.bytes === 'string')
      events.push(pictured(delta.image.source.bytes, this.#blocks.get(index)?.imageFormat ?? 'png'))
  }

  /** A call without a piece of arguments has none: `{}`. */
  #close(index: number, events: ChatEvent[]): void {
    const state = this.#blocks.get(index)
    if (state === undefined) return
    this.#blocks.delete(index)
    if (state.call !== undefined && state.input === '')
      events.push(toolCallDelta({ index: state.call, argumentsJson: '{}' }))
    const { served } = state
    if (served?.toolUse !== undefined)
      events.push(this.#served({ toolUse: { ...served.toolUse, input: parsed(state.input) } }))
    else if (served?.toolResult !== undefined)
      events.push(this.#served({ toolResult: { ...served.toolResult, content: state.results } }))
  }

  #readBlock(block: WireBlock, events: ChatEvent[]): void {
    const { text, reasoningContent: reasoning, toolUse, toolResult, image: picture, citationsContent } = block
    if (typeof text === 'string' && text !== '') events.push(textDelta(text))
    if (reasoning !== undefined) {
      const { reasoningText, redactedContent } = reasoning
      events.push(...this.#reasoning({ ...reasoningText, ...(redactedContent !== undefined && { redactedContent }) }))
    }
    if (toolUse !== undefined && !isServed(toolUse)) {
      const { toolUseId, name, input = {} } = toolUse
      const argumentsJson = typeof input === 'string' ? input : JSON.stringify(input)
      events.push(toolCallDelta({ index: this.#calls++, id: textOf(toolUseId), name: textOf(name), argumentsJson }))
    } else if (toolUse !== undefined || toolResult !== undefined) events.push(this.#served(block))
    if (typeof picture?.source?.bytes === 'string')
      events.push(pictured(picture.source.bytes, textOf(picture.format) || 'png'))
    for (const { text: piece } of objectsOf(citationsContent?.content)) {
      if (textOf(piece) !== '') events.push(textDelta(textOf(piece)))
    }
    for (const citation of objectsOf(citationsContent?.citations)) events.push(cited(citation))
  }

  #reasoning(wire: NonNullable<WireDelta['reasoningContent']>): ChatEvent[] {
    const events: ChatEvent[] = []
    const [text, signature, sealed] = [textOf(wire.text), textOf(wire.signature), textOf(wire.redactedContent)]
    if (text !== '' || signature !== '')
      events.push(reasoningDelta({ text, ...(signature !== '' && { signature: this.#signature(signature) }) }))
    if (sealed !== '') events.push(reasoningDelta({ redacted: true, signature: this.#signature(sealed) }))
    return events
  }

  #signature(value: string): Signature {
    return { $typeName: 'switchyard.v1.Signature', vendor: this.facts.vendor, value }
  }

  /** A tool that the vendor itself runs, or what that tool answered. */
  #served(block: Pick<WireBlock, 'toolUse' | 'toolResult'>): ChatEvent {
    const type = block.toolUse === undefined ? 'toolResult' : 'toolUse'
    const json = JSON.stringify({ [type]: block[type] })
    return providerPart({ $typeName: 'switchyard.v1.ProviderPart', vendor: this.facts.vendor, type, json })
  }
}

/** Whether the vendor itself runs the tool. Some models name the type of every call, the client's among them. */
function isServed({ type }: WireToolUse): boolean {
  return type === 'server_tool_use'
}

function pictured(base64: string, format: string): ChatEvent {
  const data = new Uint8Array(Buffer.from(base64, 'base64'))
  return image({
    $typeName: 'switchyard.v1.Image',
    source: { case: 'data', value: data },
    mediaType: `image/${format}`,
    detail: '',
  })
}

function cited(citation: WireCitation): ChatEvent {
  return annotation({
    $typeName: 'switchyard.v1.Annotation',
    type: 'citation',
    url: textOf(citation.location?.web?.url),
    title: textOf(citation.title ?? citation.source),
    startIndex: 0,
    endIndex: 0,
    raw: rawOf(citation),
  })
}

/** The input of a tool that the vendor runs; as text where it was cut short. */
function parsed(json: string): unknown {
  try {
    return json === '' ? {} : JSON.parse(json)
  } catch {
    return json
  }
}
