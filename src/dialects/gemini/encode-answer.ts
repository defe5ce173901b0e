import { Buffer } from 'node:buffer'
import type {
  Annotation,
  ChatEvent,
  ChatResponse,
  Choice,
  Finished,
  Logprobs,
  Part,
  Signature,
  Started,
  TokenLogprob,
  ToolCallDelta,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { GatewayError } from '../../error/index.ts'
import type { ChatAnswer, Served } from '../contract.ts'
import { encodeBase64 } from '../parts.ts'
import { isObjectText } from './decode-parts.ts'
import { errorBody } from './errors.ts'
import { encodeSignature } from './signature.ts'
import { encodeUsage } from './usage.ts'
import { finishWord } from './words.ts'

/** How the chunks of a stream are framed: as server-sent events, or as one JSON array. */
export type Framing = 'events' | 'array'

/** What is known of one candidate while it is written. */
interface CandidateState {
  /** Calls whose arguments may not be complete yet: Google's clients get each call whole. */
  readonly calls: Map<number, CallState>
  /** How it ended, held back until the usage is known: they come together. */
  finished: Finished | undefined
  /** The visible text so far, in which places are counted. */
  text: string
}

interface CallState {
  readonly id: string
  readonly name: string
  argumentsJson: string
  custom: boolean
  signature?: Signature | undefined
}

/** Writes one answer as Google does. An upstream of the same dialect is handed through chunk by chunk as it wrote them. */
export class AnswerEncoder implements ChatAnswer {
  readonly contentType?: string
  readonly #framing: Framing
  readonly #candidates = new Map<number, CandidateState>()
  #head: object = {}
  #raw = false
  #chunks = 0

  constructor(framing: Framing) {
    this.#framing = framing
    if (framing === 'array') this.contentType = 'application/json; charset=utf-8'
  }

  whole(response: ChatResponse, served: Served): string {
    if (response.rawDialect === 'gemini' && response.raw !== '') return response.raw
    const { usage, choices } = response
    return JSON.stringify({
      candidates: choices.map(candidateOf),
      ...(usage !== undefined && { usageMetadata: encodeUsage(usage) }),
      ...headOf(response, served),
    })
  }

  events(batch: readonly ChatEvent[], served: Served): string {
    let text = ''
    for (const event of batch) text += this.#event(event, served)
    return text
  }

  end(): string {
    const rest = this.#raw ? '' : this.#finish(undefined)
    if (this.#framing === 'events') return rest
    return rest + (this.#chunks === 0 ? '[]' : ']')
  }

  fail(error: GatewayError): string {
    const frame = this.#frame(errorBody(error))
    return this.#framing === 'events' ? frame : `${frame}]`
  }

  #event(event: ChatEvent, served: Served): string {
    if (event.event.case === 'started') this.#begin(event.event.value, served)
    if (this.#raw) return event.raw === '' ? '' : this.#frame(event.raw)
    const { choice } = event
    switch (event.event.case) {
      case 'started':
      case undefined:
        return ''
      case 'toolCallDelta':
        this.#collect(event.event.value, this.#candidate(choice))
        return ''
      case 'annotation':
        return this.#chunk(choice, {
          citationMetadata: { citationSources: [citationOf(event.event.value, this.#candidate(choice).text)] },
        })
      case 'logprobs':
        return this.#chunk(choice, { logprobsResult: logprobsResult(event.event.value) })
      case 'finished':
        return this.#end(choice, event.event.value)
      case 'usage':
        return this.#finish(event.event.value)
      case 'textDelta':
        this.#candidate(choice).text += event.event.value.text
        return this.#said(choice, partsOf(event.event))
      default:
        return this.#said(choice, partsOf(event.event))
    }
  }

  #begin(value: Started, served: Served): void {
    this.#raw = value.rawDialect === 'gemini'
    this.#head = headOf(value, served)
  }

  #candidate(choice: number): CandidateState {
    const known = this.#candidates.get(choice)
    if (known !== undefined) return known
    const made: CandidateState = { calls: new Map(), finished: undefined, text: '' }
    this.#candidates.set(choice, made)
    return made
  }

  #collect(delta: ToolCallDelta, { calls }: CandidateState): void {
    const known = calls.get(delta.index)
    const { id, name, argumentsJson, custom, signature } = delta
    if (known === undefined) {
      calls.set(delta.index, { id, name, argumentsJson, custom, signature })
      return
    }
    known.argumentsJson += argumentsJson
    known.custom ||= custom
    known.signature ??= signature
  }

  #said(choice: number, parts: readonly object[]): string {
    if (parts.length === 0) return ''
    return this.#calls(choice, ({ argumentsJson }) => isObjectText(argumentsJson)) + this.#content(choice, parts)
  }

  /** The collected calls, as far as they may be written. */
  #calls(choice: number, ready: (call: CallState) => boolean): string {
    const { calls } = this.#candidate(choice)
    let text = ''
    for (const [index, call] of calls) {
      if (!ready(call)) break
      calls.delete(index)
      text += this.#content(choice, [callPart(call)])
    }
    return text
  }

  #end(choice: number, value: Finished): string {
    const text = this.#calls(choice, () => true)
    this.#candidate(choice).finished = value
    return text
  }

  /** The last chunk: how every candidate ended, and the usage. */
  #finish(usage: Usage | undefined): string {
    const ended = [...this.#candidates].flatMap(([index, state]) => {
      const { finished } = state
      if (finished === undefined) return []
      state.finished = undefined
      const finishReason = finishWord(finished.reason, finished.upstreamReason)
      return [{ content: { role: 'model', parts: [{ text: '' }] }, finishReason, index }]
    })
    if (ended.length === 0 && usage === undefined) return ''
    const body = {
      ...(ended.length > 0 && { candidates: ended }),
      ...(usage !== undefined && { usageMetadata: encodeUsage(usage) }),
      ...this.#head,
    }
    return this.#frame(JSON.stringify(body))
  }

  #content(choice: number, parts: readonly object[]): string {
    return this.#chunk(choice, { content: { role: 'model', parts } })
  }

  #chunk(index: number, candidate: object): string {
    return this.#frame(JSON.stringify({ candidates: [{ ...candidate, index }], ...this.#head }))
  }

  /** Upstreams may spread their JSON over several lines, which an event holds as several lines of data. */
  #frame(json: string): string {
    const first = this.#chunks++ === 0
    if (this.#framing === 'array') return `${first ? '[' : '\r\n,\r\n'}${json}`
    return `data: ${/[\r\n]/.test(json) ? json.replaceAll(/\r\n|\r|\n/g, '\r\ndata: ') : json}\r\n\r\n`
  }
}

/** What every chunk repeats. The gateway's request id stands in for an id the upstream did not give. */
function headOf({ id, model }: Pick<Started, 'id' | 'model'>, served: Served): object {
  return { modelVersion: model === '' ? served.alias : model, responseId: id === '' ? served.requestId : id }
}

function candidateOf({ index, message, finishReason, upstreamReason, logprobs }: Choice): object {
  const parts = (message?.parts ?? []).flatMap(({ kind }) => partsOf(kind))
  const texts = (message?.parts ?? []).flatMap(({ kind }) => (kind.case === 'text' ? [kind.value] : []))
  const text = texts.map((one) => one.text).join('')
  const notes = texts.flatMap(({ annotations }) => annotations)
  return {
    content: { role: 'model', parts },
    finishReason: finishWord(finishReason, upstreamReason),
    index,
    ...(notes.length > 0 && { citationMetadata: { citationSources: notes.map((note) => citationOf(note, text)) } }),
    ...(logprobs !== undefined && { logprobsResult: logprobsResult(logprobs) }),
  }
}

type Said = Part['kind'] | ChatEvent['event']

/** A piece of an answer, whole or as a delta, as Google's parts; none for what says nothing here. */
function partsOf(said: Said): object[] {
  switch (said.case) {
    case 'text':
    case 'textDelta': {
      const { text, signature } = said.value
      return text === '' && signature === undefined ? [] : [{ text, ...sealOf(signature) }]
    }
    case 'reasoning':
    case 'reasoningDelta': {
      const { text, signature, redacted } = said.value
      return text === '' && signature === undefined ? [] : [{ text, thought: true, ...sealOf(signature, redacted) }]
    }
    case 'refusal':
    case 'refusalDelta':
      return said.value.text === '' ? [] : [{ text: said.value.text }]
    case 'toolCall':
      return [callPart(said.value)]
    case 'audio': {
      const { source, mediaType, transcript } = said.value
      return source.case === 'data' ? [audioPart(source.value, mediaType)] : textOf(transcript)
    }
    case 'audioDelta':
      return said.value.data.length > 0 ? [audioPart(said.value.data, said.value.mediaType)] : []
    case 'image': {
      const { source, mediaType, signature } = said.value
      if (source.case === 'data')
        return [{ inlineData: { mimeType: mediaType, data: encodeBase64(source.value) }, ...sealOf(signature) }]
      return [{ fileData: { mimeType: mediaType, fileUri: source.value ?? '' }, ...sealOf(signature) }]
    }
    case 'providerPart': {
      // Another vendor's own piece has no place in this format.
      const { vendor, json, signature } = said.value
      return vendor === 'gemini' ? [{ ...(JSON.parse(json) as object), ...sealOf(signature) }] : []
    }
    default:
      return []
  }
}

function textOf(text: string): object[] {
  return text === '' ? [] : [{ text }]
}

function audioPart(data: Uint8Array, mediaType: string): object {
  return { inlineData: { mimeType: mediaType === '' ? 'audio/wav' : mediaType, data: encodeBase64(data) } }
}

function sealOf(signature: Signature | undefined, redacted = false): object {
  return signature === undefined ? {} : { thoughtSignature: encodeSignature(signature, redacted) }
}

/** A call whose arguments were cut short says so, in the form that calls in the making have. */
function callPart(call: Pick<CallState, 'id' | 'name' | 'argumentsJson' | 'custom' | 'signature'>): object {
  const { id, name, argumentsJson, custom, signature } = call
  const head = { ...(id !== '' && { id }), name }
  const seal = sealOf(signature)
  if (custom) return { functionCall: { ...head, args: { input: argumentsJson } }, ...seal }
  if (argumentsJson === '') return { functionCall: head, ...seal }
  if (isObjectText(argumentsJson))
    return { functionCall: { ...head, args: JSON.parse(argumentsJson) as object }, ...seal }
  const partialArgs = [{ jsonPath: '$', stringValue: argumentsJson, willContinue: true }]
  return { functionCall: { ...head, partialArgs, willContinue: true }, ...seal }
}

/** Google counts bytes where the contract counts UTF-16 units. */
function citationOf({ startIndex, endIndex, url, title }: Annotation, text: string): object {
  const place = (offset: number): number => Buffer.byteLength(text.slice(0, offset))
  return { startIndex: place(startIndex), endIndex: place(endIndex), uri: url, ...(title !== '' && { title }) }
}

function logprobsResult({ content }: Logprobs): object {
  const one = ({ token, logprob }: TokenLogprob): object => ({ token, logProbability: logprob })
  return {
    chosenCandidates: content.map(one),
    topCandidates: content.map(({ top }) => ({ candidates: top.map(one) })),
  }
}
