import type { Annotation, Logprobs, ReasoningDelta, ToolCallDelta } from '#gen/switchyard/v1/chat_pb.ts'
import { encodeAnnotation } from './annotation.ts'
import { itemId, type OutputItem, sealItem, tokenObject } from './answer-object.ts'
import { type Seal, writeSeal } from './seal.ts'

/** One event of a stream: its type, and what its type has. */
export interface OutputEvent {
  readonly type: string
  readonly [field: string]: unknown
}

/** A piece of a message being said. */
interface OpenContent {
  readonly index: number
  readonly value: { type: string; text?: string; refusal?: string; annotations?: object[]; logprobs?: object[] }
}

/** An item that more may be added to. */
interface OpenItem {
  readonly at: number
  readonly item: OutputItem
  content?: OpenContent | undefined
}

/** Writes the items of a streamed answer: each is added, filled and done, and stays in `output` as it became. */
export class OutputWriter {
  readonly output: OutputItem[] = []
  readonly #base: string
  readonly #frame: (event: OutputEvent) => string
  /** The message or reasoning that is being said. */
  #open: OpenItem | undefined
  /** Calls by their index: pieces of several may alternate, so they stay open until the end. */
  readonly #calls = new Map<number, OpenItem & { signature?: Seal['signature'] }>()
  /** The latest piece of text, which annotations belong to however late they come. */
  #text: OpenContent['value'] | undefined
  /** Where that begins in all the visible text, and how much of it there is so far, in UTF-16 units. */
  #textStart = 0
  #written = 0

  /** `base` is the answer's id, which the ids of its items are made of; `frame` writes one event. */
  constructor(base: string, frame: (event: OutputEvent) => string) {
    this.#base = base
    this.#frame = frame
  }

  /** The id of the item that is added next. */
  id(prefix: string): string {
    return itemId(prefix, this.#base, this.output.length)
  }

  #add(item: OutputItem): { open: OpenItem; text: string } {
    const open = { at: this.output.length, item }
    this.output.push(item)
    const added = { type: 'response.output_item.added', output_index: open.at, item }
    return { open, text: this.#frame(added) }
  }

  /** An item that is told all at once. */
  single(item: OutputItem): string {
    const closed = this.#close('completed')
    const { open, text } = this.#add(item)
    return closed + text + this.#frame({ type: 'response.output_item.done', output_index: open.at, item })
  }

  /** The opaque value of a text or a call, in an item of its own. */
  seal(seal: Seal): string {
    return this.single(sealItem(this.id('rs'), seal))
  }

  /** A piece of what the model says, or of its refusal. */
  say(kind: 'text' | 'refusal', piece: string): string {
    const type = kind === 'text' ? 'output_text' : 'refusal'
    let text = ''
    if (this.#open?.item.type !== 'message') {
      text += this.#close('completed')
      const item = { id: this.id('msg'), type: 'message', status: 'in_progress', role: 'assistant', content: [] }
      const added = this.#add(item)
      text += added.text
      this.#open = added.open
    }
    const open = this.#open
    if (open.content?.value.type !== type) text += this.#closeContent(open) + this.#openContent(open, type)
    const content = open.content
    if (content === undefined) return text
    content.value[kind] = (content.value[kind] ?? '') + piece
    if (kind === 'text') this.#written += piece.length
    const place = { item_id: open.item.id, output_index: open.at, content_index: content.index }
    const beside = kind === 'text' ? { logprobs: [] } : {}
    return text + this.#frame({ type: `response.${type}.delta`, ...place, delta: piece, ...beside })
  }

  #openContent(open: OpenItem, type: string): string {
    const list = open.item['content'] as object[]
    const value: OpenContent['value'] =
      type === 'refusal' ? { type, refusal: '' } : { type, annotations: [], logprobs: [], text: '' }
    const text = this.#frame({
      type: 'response.content_part.added',
      item_id: open.item.id,
      output_index: open.at,
      content_index: list.length,
      part: value,
    })
    open.content = { index: list.length, value }
    list.push(value)
    if (type === 'output_text') {
      this.#text = value
      this.#textStart = this.#written
    }
    return text
  }

  #closeContent(open: OpenItem): string {
    const { content } = open
    if (content === undefined) return ''
    open.content = undefined
    const place = { item_id: open.item.id, output_index: open.at, content_index: content.index }
    const { value } = content
    const done =
      value.type === 'refusal'
        ? { type: 'response.refusal.done', ...place, refusal: value.refusal }
        : { type: 'response.output_text.done', ...place, text: value.text, logprobs: value.logprobs }
    return this.#frame(done) + this.#frame({ type: 'response.content_part.done', ...place, part: value })
  }

  /** A note on the latest text. Of a text that is done, only the whole answer tells it. */
  annotate(value: Annotation): string {
    const text = this.#text === undefined ? this.say('text', '') : ''
    const notes = this.#text?.annotations ?? []
    const note = encodeAnnotation(value, this.#textStart)
    notes.push(note)
    const place = this.#placeOfText()
    if (place === undefined) return text
    const added = { annotation_index: notes.length - 1, annotation: note }
    return text + this.#frame({ type: 'response.output_text.annotation.added', ...place, ...added })
  }

  /** Log probabilities follow the text they are of: a delta without text carries them. */
  weigh({ content }: Logprobs): string {
    const logprobs = content.map(tokenObject)
    this.#text?.logprobs?.push(...logprobs)
    const place = this.#placeOfText()
    if (place === undefined || logprobs.length === 0) return ''
    return this.#frame({ type: 'response.output_text.delta', ...place, delta: '', logprobs })
  }

  /** Where the latest text stands, while it is open. */
  #placeOfText(): object | undefined {
    const open = this.#open
    if (open?.content === undefined || open.content.value !== this.#text) return undefined
    return { item_id: open.item.id, output_index: open.at, content_index: open.content.index }
  }

  /** A piece of reasoning; a signature ends its item. */
  think({ text: piece, signature, redacted }: ReasoningDelta): string {
    let text = ''
    if (this.#open?.item.type !== 'reasoning') {
      text += this.#close('completed')
      const added = this.#add({ id: this.id('rs'), type: 'reasoning', summary: [] })
      text += added.text
      this.#open = added.open
    }
    const { item, at } = this.#open
    const place = { item_id: item.id, output_index: at, summary_index: 0 }
    const summary = item['summary'] as { type: string; text: string }[]
    if (piece !== '') {
      if (summary.length === 0) {
        summary.push({ type: 'summary_text', text: '' })
        text += this.#frame({ type: 'response.reasoning_summary_part.added', ...place, part: summary[0] })
      }
      const [said] = summary
      if (said !== undefined) said.text += piece
      text += this.#frame({ type: 'response.reasoning_summary_text.delta', ...place, delta: piece })
    }
    if (signature === undefined) return text
    item['encrypted_content'] = writeSeal({ signature, of: 'reasoning', redacted })
    return text + this.#close('completed')
  }

  /** A piece of a call. */
  call({ index, id, name, argumentsJson, custom, signature }: ToolCallDelta): string {
    let text = ''
    let call = this.#calls.get(index)
    if (call === undefined) {
      text += this.#close('completed')
      const named = { status: 'in_progress', call_id: id, name }
      const added = this.#add(
        custom
          ? { id: this.id('ctc'), type: 'custom_tool_call', ...named, input: '' }
          : { id: this.id('fc'), type: 'function_call', ...named, arguments: '' },
      )
      text += added.text
      call = added.open
      this.#calls.set(index, call)
    }
    if (signature !== undefined) call.signature = signature
    return argumentsJson === '' ? text : text + this.#give(call, argumentsJson)
  }

  #give({ item, at }: OpenItem, piece: string): string {
    const custom = item.type === 'custom_tool_call'
    const field = custom ? 'input' : 'arguments'
    item[field] = String(item[field]) + piece
    const type = custom ? 'response.custom_tool_call_input.delta' : 'response.function_call_arguments.delta'
    return this.#frame({ type, item_id: item.id, output_index: at, delta: piece })
  }

  /** Ends the message or reasoning that is open. */
  #close(status: string): string {
    const open = this.#open
    if (open === undefined) return ''
    this.#open = undefined
    const { item, at } = open
    let text = this.#closeContent(open)
    if (item.type === 'message') item.status = status
    const [said] = item.type === 'reasoning' ? (item['summary'] as { text: string }[]) : []
    if (said !== undefined) {
      const place = { item_id: item.id, output_index: at, summary_index: 0 }
      text += this.#frame({ type: 'response.reasoning_summary_text.done', ...place, text: said.text })
      text += this.#frame({ type: 'response.reasoning_summary_part.done', ...place, part: said })
    }
    return text + this.#frame({ type: 'response.output_item.done', output_index: at, item })
  }

  /** Ends whatever is open: `status` says how the answer ended. */
  end(status: string): string {
    let text = this.#close(status)
    for (const call of this.#calls.values()) text += this.#closeCall(call, status)
    for (const { item, signature } of this.#calls.values())
      if (signature !== undefined) text += this.seal({ signature, of: 'call', callId: String(item['call_id']) })
    this.#calls.clear()
    return text
  }

  #closeCall(call: OpenItem, status: string): string {
    const { item, at } = call
    const custom = item.type === 'custom_tool_call'
    let text = ''
    // A call without arguments has an empty object of them: clients parse what they get.
    if (!custom && item['arguments'] === '' && status === 'completed') text += this.#give(call, '{}')
    item.status = status
    const place = { item_id: item.id, output_index: at }
    const done = custom
      ? { type: 'response.custom_tool_call_input.done', ...place, input: item['input'] }
      : { type: 'response.function_call_arguments.done', ...place, name: item['name'], arguments: item['arguments'] }
    return text + this.#frame(done) + this.#frame({ type: 'response.output_item.done', output_index: at, item })
  }
}
