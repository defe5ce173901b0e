import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { type ChatEvent, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, type GatewayError } from '../../error/index.ts'
import {
  audioDelta,
  finished,
  image,
  logprobs,
  providerPart,
  reasoningDelta,
  signedText,
  textDelta,
  toolCallDelta,
} from '../../model/events.ts'
import { latest } from '../../model/usage.ts'
import type { SseMessage } from '../contract.ts'
import { countOf, isObject, objectsOf, secondsOf, textOf } from '../scalars.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { type VendorFacts, WireDecoder } from '../wire-decoder.ts'
import { parseValue, requireObject } from '../wire-object.ts'
import { citationsOf, logprobsOf, Sources } from './decode-sources.ts'
import { PartialArguments } from './partial-args.ts'
import { signature } from './signature.ts'
import type { WireAnswer, WireCandidate, WireFunctionCall, WirePart } from './types.ts'
import { hasCounts, usageOf } from './usage.ts'
import { blockWordOf, finishReasonOf, finishWordOf } from './words.ts'

/** What is known of one candidate while its pieces arrive. */
interface CandidateState {
  finishWord: string
  calls: number
  /** The call whose arguments are still arriving. */
  open: { readonly index: number; readonly values: PartialArguments } | undefined
  readonly sources: Sources
}

/** What a chunk has at least one of: the others are another format's, or nothing. */
const members = [
  'candidates',
  'promptFeedback',
  'usageMetadata',
  'modelVersion',
  'responseId',
] as const satisfies (keyof WireAnswer)[]

/** Reads one answer of `generateContent`, whole or streamed. The format has no end mark: a stream is complete if it said why it ended. */
export class AnswerDecoder extends WireDecoder<VendorFacts> {
  readonly #candidates = new Map<number, CandidateState>()
  #blockWord = ''

  constructor(facts: VendorFacts) {
    super('gemini', facts)
  }

  protected override readWhole(text: string, events: ChatEvent[]): void {
    const value = parseValue(text, 'provider_error')
    const chunks = Array.isArray(value) ? (value as unknown[]) : [value]
    for (const chunk of chunks) this.#read(requireObject(chunk, 'provider_error'), events, '')
    if (this.#candidates.size === 0 && this.#blockWord === '')
      throw fail('provider_error', "the provider's answer has no candidates")
    // A whole body cannot be cut: a candidate that does not say why it ended did so by itself.
    if (!Array.isArray(value)) for (const state of this.#candidates.values()) state.finishWord ||= 'STOP'
  }

  protected override readEvent({ data }: SseMessage, events: ChatEvent[]): void {
    if (this.failure !== undefined || data === '[DONE]') return
    const value = parseValue(data, 'provider_interrupted')
    const answer = requireObject(Array.isArray(value) ? (value as unknown[])[0] : value, 'provider_interrupted')
    this.#read(answer, events, this.facts.passThrough ? data : '')
  }

  protected override rest(): ChatEvent[] {
    const events: ChatEvent[] = []
    const candidates = [...this.#candidates].toSorted(([one], [other]) => one - other)
    for (const [choice, state] of candidates) {
      closeCall(state, choice, events)
      events.push(...state.sources.annotations(choice))
    }
    for (const [choice, { finishWord, calls }] of candidates) {
      const reason = finishReasonOf(finishWord, calls > 0)
      events.push(finished({ reason, upstreamReason: finishWord }, choice))
    }
    if (this.#candidates.size === 0)
      events.push(finished({ reason: FinishReason.CONTENT_FILTER, upstreamReason: this.#blockWord }))
    return events
  }

  /** It ended without saying why. */
  protected override incomplete(): GatewayError | undefined {
    const states = [...this.#candidates.values()]
    // A prompt found to be forbidden after the answer began ends what has been said of it.
    if (this.#blockWord !== '') for (const state of states) state.finishWord ||= 'PROHIBITED_CONTENT'
    const ended = states.length === 0 ? this.#blockWord !== '' : states.every(({ finishWord }) => finishWord !== '')
    if (ended) return undefined
    return fail('provider_interrupted', "the provider's stream ended before the answer was complete")
  }

  #read(answer: WireAnswer, events: ChatEvent[], raw: string): void {
    if (answer.error != null) throw upstreamError(problemOf(answer))
    // Nothing begins with an object that is no answer: the client would be shown another format's as its own.
    if (!this.begun && !members.some((name) => answer[name] != null)) return
    const first = events.length
    if (!this.begun) events.push(this.#start(answer))
    const { usageMetadata } = answer
    if (isObject(usageMetadata) && hasCounts(usageMetadata)) this.usage = latest(this.usage, usageOf(usageMetadata))
    this.#blockWord ||= blockWordOf(answer.promptFeedback?.blockReason)
    for (const candidate of objectsOf(answer.candidates)) this.#readCandidate(candidate, events)
    this.handThrough(raw, events, first)
  }

  #start(answer: WireAnswer): ChatEvent {
    const made = Date.parse(textOf(answer.createTime))
    return this.start({
      id: textOf(answer.responseId),
      model: textOf(answer.modelVersion),
      created: secondsOf(made / 1000),
    })
  }

  #readCandidate(wire: WireCandidate, events: ChatEvent[]): void {
    const choice = countOf(wire.index)
    const state = this.#candidate(choice)
    for (const part of objectsOf(wire.content?.parts)) this.#readPart(part, choice, state, events)
    const probabilities = logprobsOf(wire.logprobsResult)
    if (probabilities !== undefined) events.push(logprobs(probabilities, choice))
    if (isObject(wire.groundingMetadata)) state.sources.ground(wire.groundingMetadata)
    state.sources.cite(citationsOf(wire.citationMetadata))
    const word = finishWordOf(wire.finishReason)
    if (word !== '') state.finishWord = word
  }

  #candidate(index: number): CandidateState {
    const known = this.#candidates.get(index)
    if (known !== undefined) return known
    const made: CandidateState = { finishWord: '', calls: 0, open: undefined, sources: new Sources() }
    this.#candidates.set(index, made)
    return made
  }

  #readPart(part: WirePart, choice: number, state: CandidateState, events: ChatEvent[]): void {
    const { vendor } = this.facts
    const { thoughtSignature, ...rest } = part
    const sealed = typeof thoughtSignature === 'string' && thoughtSignature !== ''
    const seal = sealed ? { signature: signature(vendor, thoughtSignature) } : {}
    if (isObject(part.functionCall)) {
      readCall(part.functionCall, seal, choice, state, events)
      return
    }
    const { inlineData, fileData } = part
    if (isObject(inlineData) && part.thought !== true) {
      const mimeType = textOf(inlineData.mimeType)
      const data = textOf(inlineData.data)
      const bytes = (): Uint8Array => new Uint8Array(Buffer.from(data, 'base64'))
      if (mimeType.startsWith('image/')) {
        events.push(image(imageOf({ case: 'data', value: bytes() }, mimeType, seal), choice))
        return
      }
      if (mimeType.startsWith('audio/')) {
        events.push(audioDelta({ data: bytes(), mediaType: mimeType }, choice))
        if (seal.signature !== undefined) events.push(signedText('', seal.signature, choice))
        return
      }
    }
    const linked = { url: textOf(fileData?.fileUri), mimeType: textOf(fileData?.mimeType) }
    if (linked.url !== '' && part.thought !== true && linked.mimeType.startsWith('image/')) {
      events.push(image(imageOf({ case: 'url', value: linked.url }, linked.mimeType, seal), choice))
      return
    }
    const type = Object.keys(rest).find(
      (key) => key !== 'text' && key !== 'thought' && rest[key as keyof typeof rest] != null,
    )
    if (type !== undefined && typeof part.text !== 'string') {
      const json = JSON.stringify(rest)
      events.push(providerPart({ $typeName: 'switchyard.v1.ProviderPart', vendor, type, json, ...seal }, choice))
      return
    }
    const text = typeof part.text === 'string' ? part.text : ''
    if (part.thought === true) {
      if (text !== '' || sealed) events.push(reasoningDelta({ text, ...seal }, choice))
      return
    }
    state.sources.said(text)
    if (seal.signature !== undefined) events.push(signedText(text, seal.signature, choice))
    else if (text !== '') events.push(textDelta(text, choice))
  }
}

type Seal = { readonly signature?: ReturnType<typeof signature> }
type ImageSource = Parameters<typeof image>[0]['source']

function imageOf(source: ImageSource, mediaType: string, seal: Seal): Parameters<typeof image>[0] {
  return { $typeName: 'switchyard.v1.Image', source, mediaType, detail: '', ...seal }
}

/**
 * A call comes whole, or as a name followed by its arguments value by value and an empty call that ends it. Calls without an id
 * get one, since clients tell results apart by it.
 */
function readCall(
  wire: WireFunctionCall,
  seal: Seal,
  choice: number,
  state: CandidateState,
  events: ChatEvent[],
): void {
  const pieces = objectsOf(wire.partialArgs)
  const name = textOf(wire.name)
  if (name === '' && state.open !== undefined) {
    for (const piece of pieces) state.open.values.add(piece)
    if (wire.willContinue !== true) closeCall(state, choice, events)
    return
  }
  if (name === '' && pieces.length === 0 && wire.args == null) return
  closeCall(state, choice, events)
  const index = state.calls++
  const id = typeof wire.id === 'string' && wire.id !== '' ? wire.id : `call_${randomUUID().replaceAll('-', '')}`
  const open = pieces.length > 0 || wire.willContinue === true
  const argumentsJson = open ? '' : JSON.stringify(wire.args ?? {})
  events.push(toolCallDelta({ index, id, name, argumentsJson, ...seal }, choice))
  if (!open) return
  state.open = { index, values: new PartialArguments() }
  for (const piece of pieces) state.open.values.add(piece)
  if (wire.willContinue !== true) closeCall(state, choice, events)
}

/** Says the arguments that have arrived, all at once: values may have come in any order. */
function closeCall(state: CandidateState, choice: number, events: ChatEvent[]): void {
  if (state.open === undefined) return
  events.push(toolCallDelta({ index: state.open.index, argumentsJson: state.open.values.text() }, choice))
  state.open = undefined
}
