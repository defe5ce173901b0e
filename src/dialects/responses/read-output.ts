import { randomUUID } from 'node:crypto'
import type { ChatEvent, Logprobs, Signature } from '#gen/switchyard/v1/chat_pb.ts'
import {
  annotation,
  logprobs,
  providerPart,
  reasoningDelta,
  refusalDelta,
  textDelta,
  toolCallDelta,
} from '../../model/events.ts'
import { isObject, listOf, objectsOf, textOf } from '../scalars.ts'
import { ratedToken, type WireLogprob } from '../logprobs.ts'
import { annotationOf } from './annotation.ts'
import { openSeal, isWrapped } from './seal.ts'
import type { WireEvent, WireItem, WirePart } from './types.ts'

/** How much of an item was told already, so that its later, fuller versions add only what is new. */
interface ItemState {
  readonly id: string
  /** Texts by the kind and index of their part, as far as told. */
  readonly texts: Map<string, string>
  /** Where its texts begin in all the visible text. */
  readonly starts: Map<string, number>
  annotations: number
  probabilities: boolean
  /** Index of the call the item is. */
  call: number | undefined
  thought: boolean
  done: boolean
}

/** Reads the items of an answer's output from whatever tells of them: pieces, whole items, or the whole answer at its end. */
export class OutputReader {
  readonly #vendor: string
  readonly #byIndex = new Map<number, ItemState>()
  #calls = 0
  #refused = false
  /** Visible text so far, in UTF-16 units. */
  #written = 0

  constructor(vendor: string) {
    this.#vendor = vendor
  }

  /** True once a tool was called. */
  get called(): boolean {
    return this.#calls > 0
  }

  /** True once the model refused. */
  get refused(): boolean {
    return this.#refused
  }

  /** Reads one event of a stream; of a type that tells nothing of an item it reads nothing. */
  event(type: string, wire: WireEvent, events: ChatEvent[]): void {
    const index = wire.output_index ?? this.#indexOf(wire.item_id) ?? this.#byIndex.size
    if (type === 'response.output_item.added' || type === 'response.output_item.done') {
      if (isObject(wire.item)) this.item(wire.item, index, type.endsWith('.done'), events)
      return
    }
    const part = wire.content_index ?? wire.summary_index ?? 0
    const state = (): ItemState => this.#state(index, wire.item_id)
    switch (type) {
      case 'response.output_text.delta':
        this.#grow(state(), `text ${part}`, wire.delta, events)
        this.#probabilities(state(), wire.logprobs, events, true)
        return
      case 'response.output_text.done':
        return this.#complete(state(), `text ${part}`, wire.text, events)
      case 'response.refusal.delta':
        return this.#grow(state(), `refusal ${part}`, wire.delta, events)
      case 'response.refusal.done':
        return this.#complete(state(), `refusal ${part}`, wire.refusal, events)
      case 'response.reasoning_summary_text.delta':
        return this.#grow(state(), `summary ${part}`, wire.delta, events)
      case 'response.reasoning_summary_text.done':
        return this.#complete(state(), `summary ${part}`, wire.text, events)
      case 'response.reasoning_text.delta':
        return this.#grow(state(), `content ${part}`, wire.delta, events)
      case 'response.reasoning_text.done':
        return this.#complete(state(), `content ${part}`, wire.text, events)
      case 'response.output_text.annotation.added':
        if (!isObject(wire.annotation)) return
        state().annotations++
        events.push(annotation(annotationOf(wire.annotation, state().starts.get(`text ${part}`))))
        return
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
        return this.#grow(state(), type.includes('custom') ? 'input' : 'arguments', wire.delta, events)
      case 'response.function_call_arguments.done':
        return this.#complete(state(), 'arguments', wire.arguments, events)
      case 'response.custom_tool_call_input.done':
        return this.#complete(state(), 'input', wire.input, events)
      default:
    }
  }

  /** Reads an item as far as it is known: `done` when no more of it follows. */
  item(item: WireItem, index: number, done: boolean, events: ChatEvent[]): void {
    const known = this.#indexOf(item.id ?? undefined)
    const state = this.#state(known ?? index, item.id ?? undefined)
    if (state.done) return
    state.done = done
    switch (item.type) {
      case 'message':
        return this.#message(item, state, done, events)
      case 'reasoning':
        return this.#reasoning(item, state, done, events)
      case 'function_call':
        return this.#call(item, state, false, item.arguments, events)
      case 'custom_tool_call':
        return this.#call(item, state, true, item.input, events)
      default:
        // An item without a type is one that a cut or foreign stream left unnamed.
        if (!done || item.type === undefined) return
        events.push(
          providerPart({
            $typeName: 'switchyard.v1.ProviderPart',
            vendor: this.#vendor,
            type: textOf(item.type),
            json: JSON.stringify(item),
          }),
        )
    }
  }

  #message(item: WireItem, state: ItemState, done: boolean, events: ChatEvent[]): void {
    const parts = partsOf(item.content)
    const first = firstOf(state, ['text', 'refusal'], parts.length)
    for (const [at, piece] of parts.entries()) {
      if (piece.type === 'refusal') this.#complete(state, `refusal ${first + at}`, piece.refusal, events)
      else this.#complete(state, `text ${first + at}`, piece.text, events)
    }
    if (!done) return
    const notes = parts.flatMap(({ annotations }, at) =>
      objectsOf(annotations).map((note) => annotationOf(note, state.starts.get(`text ${first + at}`))),
    )
    for (const note of notes.slice(state.annotations)) events.push(annotation(note))
    const tokens = parts.flatMap((piece) => listOf(piece.logprobs))
    if (!state.probabilities) this.#probabilities(state, tokens, events, false)
  }

  #reasoning(item: WireItem, state: ItemState, done: boolean, events: ChatEvent[]): void {
    for (const kind of ['summary', 'content'] as const) {
      const parts = partsOf(item[kind])
      const first = firstOf(state, [kind], parts.length)
      for (const [at, { text }] of parts.entries()) this.#complete(state, `${kind} ${first + at}`, text, events)
    }
    // Only the last version of the sealed content may be sent back.
    const sealed = item.encrypted_content
    if (!done || typeof sealed !== 'string' || sealed === '') return
    const { signature, redacted = false } = isWrapped(sealed)
      ? openSeal(sealed)
      : { signature: this.#signature(sealed) }
    events.push(reasoningDelta({ signature, redacted }))
  }

  #signature(value: string): Signature {
    return { $typeName: 'switchyard.v1.Signature', vendor: this.#vendor, value }
  }

  #call(item: WireItem, state: ItemState, custom: boolean, given: unknown, events: ChatEvent[]): void {
    if (state.call === undefined) {
      state.call = this.#calls++
      const id = [item.call_id, item.id].find((one) => typeof one === 'string' && one !== '')
      const name = textOf(item.name)
      events.push(
        toolCallDelta({ index: state.call, id: id ?? `call_${randomUUID().replaceAll('-', '')}`, name, custom }),
      )
    }
    const text = given === undefined || given === null || typeof given === 'string' ? given : JSON.stringify(given)
    const before = state.texts.get(custom ? 'input' : 'arguments') ?? ''
    // Pieces that came before the call had a name were kept back.
    this.#complete(state, custom ? 'input' : 'arguments', text ?? before, events)
  }

  /** A further piece of a text. */
  #grow(state: ItemState, part: string, piece: unknown, events: ChatEvent[]): void {
    if (typeof piece !== 'string' || piece === '') return
    const before = state.texts.get(part)
    const call = part === 'input' || part === 'arguments'
    // Nobody could read a piece of a call that is not known yet; its item tells it all.
    if (call && state.call === undefined) return
    state.texts.set(part, (before ?? '') + piece)
    if (part.startsWith('text')) {
      if (before === undefined) state.starts.set(part, this.#written)
      this.#written += piece.length
    }
    events.push(this.#piece(state, part, before === undefined, piece))
  }

  /** A text as it is in the end: tells what its pieces did not. One that differs from its pieces stays as they were. */
  #complete(state: ItemState, part: string, whole: unknown, events: ChatEvent[]): void {
    if (typeof whole !== 'string') return
    const before = state.texts.get(part) ?? ''
    if (whole.length > before.length && whole.startsWith(before))
      this.#grow(state, part, whole.slice(before.length), events)
  }

  #piece(state: ItemState, part: string, first: boolean, text: string): ChatEvent {
    const [kind] = part.split(' ')
    switch (kind) {
      case 'text':
        return textDelta(text)
      case 'refusal':
        this.#refused = true
        return refusalDelta(text)
      case 'input':
      case 'arguments':
        return toolCallDelta({ index: state.call ?? 0, argumentsJson: text, custom: kind === 'input' })
      default: {
        // The parts of one item of reasoning are paragraphs of one text.
        const gap = first && state.thought ? '\n\n' : ''
        state.thought = true
        return reasoningDelta({ text: gap + text })
      }
    }
  }

  #probabilities(
    state: ItemState,
    wire: readonly WireLogprob[] | null | undefined,
    events: ChatEvent[],
    streamed: boolean,
  ): void {
    const tokens = objectsOf(wire)
    if (tokens.length === 0) return
    state.probabilities ||= streamed
    const value: Logprobs = { $typeName: 'switchyard.v1.Logprobs', content: tokens.map(ratedToken), refusal: [] }
    events.push(logprobs(value))
  }

  #indexOf(id: string | undefined): number | undefined {
    if (id === undefined || id === '') return undefined
    for (const [index, state] of this.#byIndex) if (state.id === id) return index
    return undefined
  }

  #state(index: number, id: string | undefined): ItemState {
    const known = this.#byIndex.get(index)
    if (known !== undefined) return known
    const made: ItemState = {
      id: id ?? '',
      texts: new Map(),
      starts: new Map(),
      annotations: 0,
      probabilities: false,
      call: undefined,
      thought: false,
      done: false,
    }
    this.#byIndex.set(index, made)
    return made
  }
}

/**
 * The index that the first of an item's parts had in the pieces of them. Some servers count the parts through all items of an
 * answer: what was told under an index that the item does not have shows by how much.
 */
function firstOf({ texts }: ItemState, kinds: readonly string[], count: number): number {
  const beyond = [...texts.keys()].flatMap((key) => {
    const [kind = '', at] = key.split(' ')
    return kinds.includes(kind) ? [Number(at) - count + 1] : []
  })
  return Math.max(0, ...beyond)
}

function partsOf(value: WirePart[] | null | undefined): readonly WirePart[] {
  return objectsOf(value)
}
