import type { JsonObject } from '@bufbuild/protobuf'
import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import { annotation, providerPart, reasoningDelta, textDelta, toolCallDelta } from '../../model/events.ts'
import { objectsOf, textOf } from '../scalars.ts'
import { annotationOf } from './citations.ts'
import { sign } from './decode-blocks.ts'
import { signatureOf } from './signatures.ts'
import type { WireBlock } from './types.ts'

/** A block that is being written. */
interface OpenBlock {
  readonly wire: WireBlock
  /** JSON of a tool's input, as far as it came in pieces. */
  json: string
  signature: string
  readonly citations: JsonObject[]
  /** Where the text of the block begins in the text of the answer. */
  readonly start: number
  /** Of a tool call: which one of the answer it is. */
  readonly call: number
}

/** Reads the content of one answer, block by block, as events of its choice. */
export class BlockReader {
  readonly #vendor: string
  readonly #open = new Map<number, OpenBlock>()
  #calls = 0
  /** UTF-16 units of visible text so far. */
  #written = 0

  constructor(vendor: string) {
    this.#vendor = vendor
  }

  /** True once the model called a tool of the client's. */
  get called(): boolean {
    return this.#calls > 0
  }

  /** The start of a block, with whatever of it is there already. */
  open(index: number, wire: WireBlock): ChatEvent[] {
    const events = this.#open.has(index) ? this.close(index) : []
    const called = wire.type === 'tool_use'
    const block: OpenBlock = {
      wire,
      json: '',
      signature: word(wire, 'signature'),
      citations: [],
      start: this.#written,
      call: called ? this.#calls++ : 0,
    }
    block.citations.push(...objectsOf(wire['citations'] as JsonObject[] | undefined))
    this.#open.set(index, block)
    if (called) events.push(this.#call(block))
    if (wire.type === 'text') events.push(...this.#text(word(wire, 'text')))
    if (wire.type === 'thinking') events.push(...thought(word(wire, 'thinking')))
    return events
  }

  /** A piece of a block. One of a block that is not open, or of a kind that is not known, says nothing. */
  add(index: number, delta: Record<string, unknown>): ChatEvent[] {
    const block = this.#open.get(index)
    if (block === undefined) return []
    switch (delta['type']) {
      case 'text_delta':
        return block.wire.type === 'text' ? this.#text(word(delta, 'text')) : []
      case 'thinking_delta':
        return thought(word(delta, 'thinking'))
      case 'signature_delta':
        block.signature = word(delta, 'signature')
        return []
      case 'citations_delta':
        if (isObject(delta['citation'])) block.citations.push(delta['citation'])
        return []
      case 'input_json_delta': {
        const argumentsJson = word(delta, 'partial_json')
        block.json += argumentsJson
        if (block.wire.type !== 'tool_use' || argumentsJson === '') return []
        return [toolCallDelta({ index: block.call, argumentsJson })]
      }
      case 'compaction_delta': {
        const { type: _type, ...members } = delta
        Object.assign(block.wire, members)
        return []
      }
      default:
        return []
    }
  }

  /** The end of a block: what only then is known of it. */
  close(index: number): ChatEvent[] {
    const block = this.#open.get(index)
    if (block === undefined) return []
    this.#open.delete(index)
    const { wire, json, signature, citations, start } = block
    switch (wire.type) {
      case 'text':
        return citations.map((citation) => annotation(annotationOf(citation, start, this.#written)))
      case 'thinking':
        return signature === '' ? [] : [reasoningDelta({ signature: signatureOf(this.#vendor, signature) })]
      case 'redacted_thinking': {
        return [reasoningDelta({ redacted: true, signature: signatureOf(this.#vendor, word(wire, 'data')) })]
      }
      // The input of the start is a placeholder where pieces follow, and all of it where none do.
      case 'tool_use': {
        const argumentsJson = JSON.stringify(wire['input'] ?? {})
        return json === '' ? [toolCallDelta({ index: block.call, argumentsJson })] : []
      }
      default:
        return [this.#own(block)]
    }
  }

  /** The ends of all blocks that nobody ended, in their order. */
  closeAll(): ChatEvent[] {
    return [...this.#open.keys()].flatMap((index) => this.close(index))
  }

  #text(text: string): ChatEvent[] {
    this.#written += text.length
    return text === '' ? [] : [textDelta(text)]
  }

  #call({ wire, call }: OpenBlock): ChatEvent {
    const fields = { index: call, id: word(wire, 'id'), name: word(wire, 'name') }
    const caller = wire['caller']
    const delta = toolCallDelta(fields)
    if (isObject(caller) && delta.event.case === 'toolCallDelta') sign(delta.event.value, caller, this.#vendor)
    return delta
  }

  /** A block that only the vendor knows, whole. */
  #own({ wire, json }: OpenBlock): ChatEvent {
    const block = json === '' ? wire : { ...wire, input: parsed(json) }
    return providerPart({
      $typeName: 'switchyard.v1.ProviderPart',
      vendor: this.#vendor,
      type: textOf(wire.type),
      json: JSON.stringify(block),
    })
  }
}

function thought(text: string): ChatEvent[] {
  return text === '' ? [] : [reasoningDelta({ text })]
}

function word(of: Record<string, unknown>, key: string): string {
  const value = of[key]
  return typeof value === 'string' ? value : ''
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The input of a tool that the vendor runs; the text itself where it was cut. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return { INVALID_JSON: json }
  }
}
