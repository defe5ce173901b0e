import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { FinishReason, type ChatEvent, type Logprobs } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, type GatewayError } from '../../error/index.ts'
import {
  annotation,
  audioDelta,
  finished,
  logprobs,
  rawOnly,
  reasoningDelta,
  refusalDelta,
  textDelta,
  toolCallDelta,
} from '../../model/events.ts'
import { latest } from '../../model/usage.ts'
import type { SseMessage } from '../contract.ts'
import { ratedToken, type WireLogprob } from '../logprobs.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { countOf, isObject, objectsOf, rawOf, secondsOf, textOf } from '../scalars.ts'
import { type VendorFacts, WireDecoder } from '../wire-decoder.ts'
import { parseObject } from '../wire-object.ts'
import type { WireAnswer, WireChoice, WireContent, WireContentPart, WireDelta, WireToolCall } from './types.ts'
import { usageOf } from './usage.ts'
import { finishReasonOf } from './words.ts'

/** What is known of one tool call while its pieces arrive. */
interface CallState {
  readonly index: number
  readonly id: string
  /** The arguments so far, of a call the upstream gave no id: nothing else tells where it ends. */
  unnamed: string | undefined
}

/** What is known of one choice while its pieces arrive. */
interface ChoiceState {
  finishWord: string | undefined
  refused: boolean
  readonly calls: CallState[]
  /** By the upstream's index, where it has a usable one. */
  readonly byIndex: Map<number, CallState>
}

/** Reads one answer of OpenAI's chat completions or of a vendor compatible with them, whole or streamed. */
export class AnswerDecoder extends WireDecoder<VendorFacts> {
  readonly #choices = new Map<number, ChoiceState>()
  /** Chunks from before the answer began, to be handed through after its start. */
  readonly #early: string[] = []

  constructor(facts: VendorFacts) {
    super('openai', facts)
  }

  protected override readWhole(text: string, events: ChatEvent[]): void {
    const answer: WireAnswer = parseObject(text, 'provider_error')
    this.#read(answer, events, '')
    if (this.failure === undefined && !Array.isArray(answer.choices))
      throw fail('provider_error', "the provider's answer is not a completion")
    this.done = true
  }

  protected override readEvent({ event, data }: SseMessage, events: ChatEvent[]): void {
    if (data === '[DONE]') {
      this.done = true
      return
    }
    const answer: WireAnswer = parseObject(data, 'provider_interrupted')
    if (event === 'error') throw upstreamError(problemOf(answer))
    this.#read(answer, events, this.facts.passThrough ? data : '')
  }

  protected override rest(): ChatEvent[] {
    const choices = [...this.#choices].toSorted(([a], [b]) => a - b)
    if (choices.length === 0) return [finished({ reason: FinishReason.STOP })]
    return choices.map(([choice, { finishWord: word = '', calls, refused }]) =>
      finished({ reason: finishReasonOf(word, calls.length > 0, refused), upstreamReason: word }, choice),
    )
  }

  /** It just ended, or its last word was that it failed. */
  protected override incomplete(): GatewayError | undefined {
    const words = [...this.#choices.values()].map(({ finishWord }) => finishWord)
    const ended = words.length > 0 && words.every((word) => word !== undefined)
    if ((!this.done && !ended) || (words.length === 0 && !this.begun))
      return fail('provider_interrupted', "the provider's stream ended before the answer was complete")
    if (words.some((word) => word?.toLowerCase() === 'error'))
      return fail('provider_error', 'the provider ended the answer with an error')
    return undefined
  }

  #read(answer: WireAnswer, events: ChatEvent[], raw: string): void {
    let first = events.length
    const beside = answer.x_groq?.usage
    if (isObject(answer.usage)) this.usage = latest(this.usage, usageOf(answer.usage))
    else if (isObject(beside) && this.usage === undefined) this.usage = usageOf(beside)
    if (answer.error != null || answer.object === 'error') this.#fail(answer)
    const choices = answer.choices ?? []
    if (!this.begun && !isBeginning(answer) && this.failure === undefined) {
      if (raw !== '') this.#early.push(raw)
      return
    }
    if (!this.begun && this.failure === undefined) {
      events.push(this.#start(answer), ...this.#early.map(rawOnly))
      if (events.length > 1) first = events.length
    }
    if (this.failure === undefined) for (const choice of choices) this.#readChoice(choice, events)
    if (this.failure === undefined) this.handThrough(raw, events, first)
  }

  /** An error alone ends the answer at once; one beside choices lets the usage that follows be read first. */
  #fail(answer: WireAnswer): void {
    const failure = upstreamError(problemOf(answer))
    if (!Array.isArray(answer.choices) || answer.choices.length === 0) throw failure
    this.failure ??= failure
  }

  #start(answer: WireAnswer): ChatEvent {
    return this.start({
      id: textOf(answer.id),
      model: textOf(answer.model),
      created: secondsOf(answer.created),
      serviceTier: textOf(answer.service_tier),
      systemFingerprint: textOf(answer.system_fingerprint),
    })
  }

  #readChoice(wire: WireChoice, events: ChatEvent[]): void {
    const choice = countOf(wire.index)
    const state = this.#choice(choice)
    const delta = wire.delta ?? wire.message
    if (delta != null) this.#readDelta(delta, choice, state, events)
    else if (typeof wire.text === 'string' && wire.text !== '') events.push(textDelta(wire.text, choice))
    const probabilities = wire.logprobs
    if (probabilities?.content != null || probabilities?.refusal != null) {
      events.push(logprobs(logprobsOf(probabilities.content, probabilities.refusal), choice))
    }
    if (typeof wire.finish_reason === 'string' && wire.finish_reason !== '') state.finishWord ??= wire.finish_reason
  }

  #choice(index: number): ChoiceState {
    const known = this.#choices.get(index)
    if (known !== undefined) return known
    const made: ChoiceState = { finishWord: undefined, refused: false, calls: [], byIndex: new Map() }
    this.#choices.set(index, made)
    return made
  }

  #readDelta(delta: WireDelta, choice: number, state: ChoiceState, events: ChatEvent[]): void {
    const reasoning = reasoningOf(delta)
    if (typeof reasoning === 'string' && reasoning !== '') events.push(reasoningDelta({ text: reasoning }, choice))
    if (delta.reasoning_details != null) this.#readReasoning(delta, choice, events)
    if (typeof delta.content === 'string') {
      if (delta.content !== '') events.push(textDelta(delta.content, choice))
    } else if (isParts(delta.content)) readParts(delta.content, choice, events)
    else if (delta.content != null) events.push(textDelta(JSON.stringify(delta.content), choice))
    if (typeof delta.refusal === 'string' && delta.refusal !== '') {
      state.refused = true
      events.push(refusalDelta(delta.refusal, choice))
    }
    for (const call of delta.tool_calls ?? []) events.push(readCall(call, choice, state))
    const legacy = delta.function_call
    if (legacy != null && (legacy.name ?? '') + (legacy.arguments ?? '') !== '')
      events.push(readCall({ index: 0, function: legacy }, choice, state))
    for (const note of delta.annotations ?? []) if (isObject(note)) events.push(readAnnotation(note, choice))
    if (delta.audio != null) {
      const { id, data, transcript, expires_at: expires } = delta.audio
      const sound = new Uint8Array(Buffer.from(textOf(data), 'base64'))
      const spoken = { id: textOf(id), data: sound, transcript: textOf(transcript), expires: secondsOf(expires) }
      events.push(audioDelta(spoken, choice))
    }
  }

  /** Reasoning in blocks: text where the plain field has none, signatures and sealed data always. */
  #readReasoning(delta: WireDelta, choice: number, events: ChatEvent[]): void {
    const plain = reasoningOf(delta)
    for (const { type, text, summary, signature, data } of delta.reasoning_details ?? []) {
      const said = text ?? summary
      if (typeof said === 'string' && said !== '' && plain === '') events.push(reasoningDelta({ text: said }, choice))
      const sealed = type === 'reasoning.encrypted' ? data : signature
      if (typeof sealed !== 'string' || sealed === '') continue
      const value = { $typeName: 'switchyard.v1.Signature' as const, vendor: this.facts.vendor, value: sealed }
      events.push(reasoningDelta({ signature: value, redacted: type === 'reasoning.encrypted' }, choice))
    }
  }
}

/** Plain reasoning, in whichever of its two fields has any. */
function reasoningOf({ reasoning_content: content, reasoning }: WireDelta): string {
  if (typeof content === 'string' && content !== '') return content
  return typeof reasoning === 'string' ? reasoning : ''
}

/** Azure begins with a chunk about the prompt that has neither id nor choices: the answer begins after it. */
function isBeginning(answer: WireAnswer): boolean {
  return (answer.id ?? '') !== '' || (answer.choices ?? []).length > 0
}

function isParts(content: WireContent | undefined): content is readonly WireContentPart[] {
  return Array.isArray(content)
}

/** Content as a list of parts: reasoning in `thinking`, text in `text`. */
function readParts(content: readonly WireContentPart[], choice: number, events: ChatEvent[]): void {
  for (const part of content) {
    if (part.type === 'thinking') {
      const text = thinkingText(part.thinking)
      if (text !== '') events.push(reasoningDelta({ text }, choice))
    } else if (typeof part.text === 'string' && part.text !== '') events.push(textDelta(part.text, choice))
  }
}

function thinkingText(thinking: unknown): string {
  if (typeof thinking === 'string') return thinking
  if (!Array.isArray(thinking)) return ''
  return thinking
    .map((piece: { text?: unknown } | null) => (typeof piece?.text === 'string' ? piece.text : ''))
    .join('')
}

/**
 * Decides which call a piece belongs to. Vendors repeat an index for different calls, leave it out or send -1, and repeat
 * ids or send them empty: a new id beside a name is a new call, and so is a name where nothing else tells.
 */
function readCall(wire: WireToolCall, choice: number, state: ChoiceState): ChatEvent {
  const custom = wire.type === 'custom' || (wire.custom != null && wire.function == null)
  const name = textOf(custom ? wire.custom?.name : wire.function?.name)
  const given = (custom ? wire.custom?.input : wire.function?.arguments) ?? ''
  const argumentsJson = typeof given === 'string' ? given : JSON.stringify(given)
  const id = textOf(wire.id)
  const index = typeof wire.index === 'number' && wire.index >= 0 ? wire.index : undefined
  const known = index === undefined ? findById(state, id, name) : state.byIndex.get(index)
  const another = known !== undefined && name !== '' && (id === '' ? isWhole(known.unnamed) : id !== known.id)
  if (known?.unnamed !== undefined && !another) known.unnamed += argumentsJson
  if (known !== undefined && !another) return toolCallDelta({ index: known.index, argumentsJson, custom }, choice)
  const made: CallState = {
    index: state.calls.length,
    id: id === '' ? `call_${randomUUID().replaceAll('-', '')}` : id,
    unnamed: id === '' ? argumentsJson : undefined,
  }
  state.calls.push(made)
  if (index !== undefined) state.byIndex.set(index, made)
  return toolCallDelta({ index: made.index, id: made.id, name, argumentsJson, custom }, choice)
}

/** True for arguments that are a whole JSON value, so that no further piece can belong to them. */
function isWhole(text: string | undefined): boolean {
  if (text === undefined || !text.trimEnd().endsWith('}')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function findById(state: ChoiceState, id: string, name: string): CallState | undefined {
  const same = id === '' ? undefined : state.calls.findLast((call) => call.id === id)
  return same ?? (name === '' ? state.calls.at(-1) : undefined)
}

function readAnnotation(note: Record<string, unknown>, choice: number): ChatEvent {
  const type = textOf(note['type'])
  const inner = (note[type] ?? note) as Record<string, unknown>
  return annotation(
    {
      $typeName: 'switchyard.v1.Annotation',
      type,
      url: textOf(inner['url']),
      title: textOf(inner['title']),
      startIndex: countOf(inner['start_index']),
      endIndex: countOf(inner['end_index']),
      raw: rawOf(note),
    },
    choice,
  )
}

function logprobsOf(content: WireLogprob[] | null | undefined, refusal: WireLogprob[] | null | undefined): Logprobs {
  return {
    $typeName: 'switchyard.v1.Logprobs',
    content: objectsOf(content).map(ratedToken),
    refusal: objectsOf(refusal).map(ratedToken),
  }
}
