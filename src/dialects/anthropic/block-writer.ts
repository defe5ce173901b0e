import type {
  Annotation,
  ChatEvent,
  ProviderPart,
  ReasoningDelta,
  Signature,
  TextDelta,
  ToolCallDelta,
} from '#gen/switchyard/v1/chat_pb.ts'
import { citationOf } from './citations.ts'
import { callerOf, inputOf, objectOf } from './encode-blocks.ts'
import { ownVendor, seal, signatureOf } from './signatures.ts'

/** An event of a stream about its content. */
interface BlockEvent {
  readonly type: 'content_block_start' | 'content_block_delta' | 'content_block_stop'
  readonly index: number
  readonly content_block?: object
  readonly delta?: object
}

/** A tool call whose pieces are arriving. */
interface Call {
  id: string
  name: string
  custom: boolean
  arguments: string
  signature: Signature | undefined
  state: 'waiting' | 'open' | 'closed'
}

/**
 * Writes the content of an answer as blocks, of which one is open at a time: clients take the end of a block for the moment to act on
 * it. Calls whose pieces come interleaved therefore wait for the one before them to be whole.
 */
export class BlockWriter {
  readonly #frame: (event: BlockEvent) => string
  #index = -1
  #open: 'text' | 'thinking' | Call | undefined
  readonly #calls = new Map<number, Call>()

  constructor(frame: (event: BlockEvent) => string) {
    this.#frame = frame
  }

  /** The text of what an event says about the content; empty for events about anything else. */
  event(event: ChatEvent['event']): string {
    switch (event.case) {
      case 'textDelta':
        return this.#text(event.value)
      case 'refusalDelta':
        return this.#text({ text: event.value.text })
      case 'reasoningDelta':
        return this.#reasoning(event.value)
      case 'toolCallDelta':
        return this.#call(event.value)
      case 'annotation':
        return this.#citation(event.value)
      case 'audioDelta':
        return this.#text({ text: event.value.transcript })
      case 'providerPart':
        return this.#own(event.value)
      default:
        return ''
    }
  }

  /** Ends what is open. */
  end(): string {
    return this.#flush()
  }

  #text({ text, signature }: Pick<TextDelta, 'text' | 'signature'>): string {
    const said =
      text === '' ? '' : this.#begin('text', { type: 'text', text: '' }) + this.#delta({ type: 'text_delta', text })
    return signature === undefined ? said : said + this.#redacted(seal(signature, { of: 'text' }))
  }

  #citation(note: Annotation): string {
    return (
      this.#begin('text', { type: 'text', text: '' }) +
      this.#delta({ type: 'citations_delta', citation: citationOf(note) })
    )
  }

  #reasoning({ text, signature, redacted }: ReasoningDelta): string {
    if (redacted) return this.#redacted(seal(signature ?? signatureOf(ownVendor, ''), { of: 'reasoning' }))
    if (text === '' && signature === undefined) return ''
    const begin = this.#begin('thinking', { type: 'thinking', thinking: '', signature: '' })
    const thought = text === '' ? '' : this.#delta({ type: 'thinking_delta', thinking: text })
    if (signature === undefined) return begin + thought
    const sealed = seal(signature, { of: 'reasoning' })
    return begin + thought + this.#delta({ type: 'signature_delta', signature: sealed }) + this.#close()
  }

  #redacted(data: string): string {
    return this.#whole({ type: 'redacted_thinking', data })
  }

  #own({ vendor, json }: ProviderPart): string {
    const block = vendor === ownVendor ? objectOf(json) : undefined
    return block === undefined ? '' : this.#whole(block)
  }

  /** A block that is there at once. */
  #whole(block: object): string {
    return this.#flush() + this.#start(block) + this.#stop()
  }

  #call({ index, id, name, argumentsJson, custom, signature }: ToolCallDelta): string {
    const call = this.#calls.get(index)
    if (call === undefined) {
      const made: Call = { id, name, custom, arguments: argumentsJson, signature, state: 'waiting' }
      this.#calls.set(index, made)
      const before = this.#open
      if (typeof before === 'object' && !isWhole(before.arguments)) return ''
      return this.#close() + this.#openCall(made)
    }
    call.arguments += argumentsJson
    call.signature ??= signature
    return call.state === 'open' && argumentsJson !== '' && !call.custom ? this.#input(argumentsJson) : ''
  }

  #openCall(call: Call): string {
    const { id, name, signature } = call
    const foreign = signature !== undefined && signature.vendor !== ownVendor
    const sealed = foreign ? this.#sealed(seal(signature, { of: 'call', id })) : ''
    const start = this.#start({ type: 'tool_use', id, name, input: {}, ...callerOf(call, ownVendor) })
    call.state = 'open'
    this.#open = call
    return sealed + start + (call.arguments === '' || call.custom ? '' : this.#input(call.arguments))
  }

  /** A sealed value before a call, without a look at calls that wait: one of them is being opened. */
  #sealed(data: string): string {
    return this.#start({ type: 'redacted_thinking', data }) + this.#stop()
  }

  #input(json: string): string {
    return this.#delta({ type: 'input_json_delta', partial_json: json })
  }

  /** Opens a block of this kind unless it is the one that is open. */
  #begin(kind: 'text' | 'thinking', block: object): string {
    if (this.#open === kind) return ''
    const text = this.#flush() + this.#start(block)
    this.#open = kind
    return text
  }

  /** Closes what is open, and writes the calls that wait for that. */
  #flush(): string {
    let text = this.#close()
    for (const call of this.#calls.values()) {
      if (call.state === 'waiting') text += this.#openCall(call) + this.#close()
    }
    return text
  }

  #close(): string {
    const open = this.#open
    if (open === undefined) return ''
    this.#open = undefined
    let late = ''
    if (typeof open === 'object') {
      open.state = 'closed'
      if (open.custom) late = this.#input(JSON.stringify(inputOf(open.arguments, true)))
    }
    return late + this.#stop()
  }

  #start(block: object): string {
    this.#index++
    return this.#frame({ type: 'content_block_start', index: this.#index, content_block: block })
  }

  #delta(delta: object): string {
    return this.#frame({ type: 'content_block_delta', index: this.#index, delta })
  }

  #stop(): string {
    return this.#frame({ type: 'content_block_stop', index: this.#index })
  }
}

/** True for arguments that are a whole JSON object, so that no further piece belongs to them. */
function isWhole(text: string): boolean {
  if (!text.trimEnd().endsWith('}')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
