import {
  type FinishReason,
  type Image,
  type Annotation,
  type Choice,
  type ChatEvent,
  type ChatResponse,
  type Logprobs,
  type Started,
  type TokenLogprob,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { GatewayError } from '../../error/index.ts'
import type { ChatAnswer, Served } from '../contract.ts'
import { encodeBase64, toDataUrl } from '../parts.ts'
import { writeData } from '../sse.ts'
import { errorObject } from './errors.ts'
import { encodeUsage } from './usage.ts'
import { finishWord } from './words.ts'

/** What an answer needs to know of the request. */
export interface AnswerOptions {
  /** Send a last chunk with the usage. */
  readonly includeUsage: boolean
  /** Give the model name the client asked for, instead of the upstream's word. */
  readonly asked: boolean
  /** Writes one chunk's JSON as a server-sent event; by default as its data alone. */
  readonly frame?: (json: string) => string
}

/** The completion object of an answer, translated. The gateway's request id stands in for an id the upstream did not give. */
export function completionOf(response: ChatResponse, served: Served, asked: boolean): object {
  return {
    id: response.id === '' ? `chatcmpl-${served.requestId}` : response.id,
    object: 'chat.completion',
    created: Number(response.created) || Math.floor(Date.now() / 1000),
    model: asked || response.model === '' ? served.alias : response.model,
    choices: response.choices.map(choiceOf),
    ...(response.usage !== undefined && { usage: encodeUsage(response.usage) }),
    ...(response.serviceTier !== '' && { service_tier: response.serviceTier }),
    ...(response.systemFingerprint !== '' && { system_fingerprint: response.systemFingerprint }),
  }
}

function choiceOf(choice: Choice): object {
  const parts = choice.message?.parts ?? []
  const texts = parts.flatMap(({ kind }) => (kind.case === 'text' ? [kind.value] : []))
  const reasoning = parts.map(({ kind }) => (kind.case === 'reasoning' ? kind.value.text : '')).join('')
  const refusal = parts.flatMap(({ kind }) => (kind.case === 'refusal' ? [kind.value.text] : []))
  const audio = parts.flatMap(({ kind }) => (kind.case === 'audio' ? [kind.value] : [])).at(0)
  const images = parts.flatMap(({ kind }) => (kind.case === 'image' ? [kind.value] : []))
  const annotations = texts.flatMap((text) => text.annotations)
  const calls = parts.flatMap(({ kind }) => (kind.case === 'toolCall' ? [kind.value] : []))
  const message = {
    role: 'assistant',
    content: texts.length === 0 ? null : texts.map(({ text }) => text).join(''),
    refusal: refusal.length === 0 ? null : refusal.join(''),
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && {
      tool_calls: calls.map((call) => callObject(call.id, call.name, call.argumentsJson, call.custom)),
    }),
    ...(annotations.length > 0 && { annotations: annotations.map(annotationObject) }),
    ...(audio !== undefined && {
      audio: {
        id: audio.id,
        data: audio.source.case === 'data' ? encodeBase64(audio.source.value) : '',
        transcript: audio.transcript,
        expires_at: Number(audio.expires),
      },
    }),
    ...(images.length > 0 && {
      images: images.map(imageObject),
    }),
  }
  return {
    index: choice.index,
    message,
    finish_reason: finishWord(choice.finishReason, refusal.length > 0),
    logprobs: choice.logprobs === undefined ? null : logprobsObject(choice.logprobs),
  }
}

function imageObject({ source, mediaType }: Image): object {
  const url = source.case === 'data' ? toDataUrl(source.value, mediaType) : (source.value ?? '')
  return { type: 'image_url', image_url: { url } }
}

function callObject(id: string, name: string, given: string, custom: boolean): object {
  return custom
    ? { id, type: 'custom', custom: { name, input: given } }
    : { id, type: 'function', function: { name, arguments: given } }
}

/** A note as its vendor wrote it, where that is in this format; one of another format is written anew. */
function annotationObject(note: Annotation): object {
  if (note.raw !== undefined && (note.raw['type'] ?? '') === note.type) return note.raw
  const { type, url, title, startIndex, endIndex } = note
  return { type, [type]: { url, title, start_index: startIndex, end_index: endIndex } }
}

function logprobsObject(value: Logprobs): object {
  const list = (tokens: readonly TokenLogprob[]): object[] | null =>
    tokens.length === 0 ? null : tokens.map(tokenObject)
  return { content: list(value.content), refusal: list(value.refusal) }
}

function tokenObject(token: TokenLogprob): object {
  return {
    token: token.token,
    logprob: token.logprob,
    bytes: token.utf8.length === 0 ? null : [...token.utf8],
    top_logprobs: token.top.map(tokenObject),
  }
}

/** Writes one answer as OpenAI does. An upstream of the same dialect is handed through chunk by chunk as it wrote them. */
export class AnswerEncoder implements ChatAnswer {
  readonly #options: AnswerOptions
  readonly #frame: (json: string) => string
  #head = ''
  #raw = false
  readonly #spoken = new Set<number>()
  readonly #refused = new Set<number>()

  constructor(options: AnswerOptions) {
    this.#options = options
    this.#frame = options.frame ?? writeData
  }

  whole(response: ChatResponse, served: Served): string {
    if (response.rawDialect === 'openai' && response.raw !== '') return response.raw
    return JSON.stringify(completionOf(response, served, this.#options.asked))
  }

  events(batch: readonly ChatEvent[], served: Served): string {
    let text = ''
    for (const event of batch) text += this.#event(event, served)
    return text
  }

  end(): string {
    return 'data: [DONE]\n\n'
  }

  fail(error: GatewayError): string {
    return `data: ${JSON.stringify({ error: errorObject(error) })}\n\n`
  }

  #event(event: ChatEvent, served: Served): string {
    if (event.event.case === 'started') this.#begin(event.event.value, served)
    if (this.#raw) return event.raw === '' ? '' : this.#frame(event.raw)
    const { choice } = event
    switch (event.event.case) {
      case 'started':
      case undefined:
        return ''
      case 'textDelta':
        return this.#delta(choice, { content: event.event.value.text })
      case 'reasoningDelta': {
        const { text } = event.event.value
        return text === '' ? '' : this.#delta(choice, { reasoning_content: text })
      }
      case 'refusalDelta':
        this.#refused.add(choice)
        return this.#delta(choice, { refusal: event.event.value.text })
      case 'toolCallDelta': {
        const { index, id, name, argumentsJson, custom } = event.event.value
        const piece = custom
          ? { custom: { ...(name !== '' && { name }), input: argumentsJson } }
          : { function: { ...(name !== '' && { name }), arguments: argumentsJson } }
        const first = name !== '' && { id, type: custom ? 'custom' : 'function' }
        return this.#delta(choice, { tool_calls: [{ index, ...first, ...piece }] })
      }
      case 'audioDelta': {
        const { id, data, transcript, expires } = event.event.value
        const audio = {
          ...(id !== '' && { id }),
          ...(data.length > 0 && { data: encodeBase64(data) }),
          ...(transcript !== '' && { transcript }),
          ...(expires > 0n && { expires_at: Number(expires) }),
        }
        return this.#delta(choice, { audio })
      }
      // Another vendor's own piece has no place in this format.
      case 'providerPart':
        return ''
      case 'annotation':
        return this.#delta(choice, { annotations: [annotationObject(event.event.value)] })
      case 'image':
        return this.#delta(choice, { images: [imageObject(event.event.value)] })
      case 'logprobs':
        return this.#chunk(choice, {}, null, logprobsObject(event.event.value))
      case 'finished':
        return this.#finish(choice, event.event.value.reason)
      case 'usage':
        if (!this.#options.includeUsage) return ''
        return this.#frame(`${this.#head}"choices":[],"usage":${JSON.stringify(encodeUsage(event.event.value))}}`)
      default:
        return event.event satisfies never
    }
  }

  #begin(value: Started, served: Served): void {
    this.#raw = value.rawDialect === 'openai'
    const head = {
      id: value.id === '' ? `chatcmpl-${served.requestId}` : value.id,
      object: 'chat.completion.chunk',
      created: Number(value.created) || Math.floor(Date.now() / 1000),
      model: this.#options.asked || value.model === '' ? served.alias : value.model,
      ...(value.serviceTier !== '' && { service_tier: value.serviceTier }),
      ...(value.systemFingerprint !== '' && { system_fingerprint: value.systemFingerprint }),
    }
    this.#head = `${JSON.stringify(head).slice(0, -1)},`
  }

  #finish(choice: number, reason: FinishReason): string {
    return this.#chunk(choice, {}, finishWord(reason, this.#refused.has(choice)), null)
  }

  #delta(choice: number, delta: object): string {
    return this.#chunk(choice, delta, null, null)
  }

  #chunk(index: number, delta: object, reason: string | null, probabilities: object | null): string {
    const first = this.#spoken.has(index) ? {} : { role: 'assistant' }
    this.#spoken.add(index)
    const choice = { index, delta: { ...first, ...delta }, logprobs: probabilities, finish_reason: reason }
    const usage = this.#options.includeUsage ? ',"usage":null' : ''
    return this.#frame(`${this.#head}"choices":[${JSON.stringify(choice)}]${usage}}`)
  }
}
