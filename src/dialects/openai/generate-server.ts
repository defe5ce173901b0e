import { create } from '@bufbuild/protobuf'
import type { Started } from '#gen/switchyard/v1/chat_pb.ts'
import {
  type GenerateEvent,
  type GenerateRequest,
  GenerateRequestSchema,
  type GenerateResponse,
} from '#gen/switchyard/v1/text_pb.ts'
import type { GatewayError } from '../../error/index.ts'
import type { JsonBody, OperationRoute } from '../contract.ts'
import type { Served, StreamedAnswer, WholeAnswer } from '../operation.ts'
import { writeData } from '../sse.ts'
import { inputKinds } from '../text-input.ts'
import { checkNoting, noteUnknown } from '../untranslated.ts'
import { decodeBiases } from './decode-request.ts'
import { errorObject } from './errors.ts'
import { completion, completionRequest, type CompletionRequest } from './generate-types.ts'
import { encodeUsage } from './usage.ts'
import { finishWord } from './words.ts'

/** A raw completion in the contract's terms, and whether the client wants a stream, and usage at its end. */
interface DecodedCompletion {
  readonly request: GenerateRequest
  readonly streaming: boolean
  readonly includeUsage: boolean
}

/** Reads a request for a raw completion. Throws `invalid_request`, naming the field. */
function decodeCompletionRequest(body: JsonBody): DecodedCompletion {
  const { wire, untranslated } = checkNoting(completionRequest, body.value)
  if (wire.stream_options != null)
    noteUnknown(wire.stream_options, { include_usage: true }, 'stream_options', untranslated)
  const request = create(GenerateRequestSchema, {
    model: wire.model,
    prompts: inputKinds(wire.prompt ?? '').map((kind) => ({ kind })),
    ...samplingOf(wire, untranslated),
    source: { dialect: 'openai', body: body.text, untranslated },
  })
  const streaming = wire.stream === true
  return { request, streaming, includeUsage: streaming && wire.stream_options?.include_usage === true }
}

function samplingOf(wire: CompletionRequest, untranslated: string[]) {
  const { stop, seed } = wire
  const isWhole = seed != null && Number.isSafeInteger(seed)
  if (seed != null && !isWhole) untranslated.push('seed')
  return {
    ...(wire.max_tokens != null && { maxOutputTokens: wire.max_tokens }),
    ...(wire.temperature != null && { temperature: wire.temperature }),
    ...(wire.top_p != null && { topP: wire.top_p }),
    ...(stop != null && { stop: typeof stop === 'string' ? [stop] : [...stop] }),
    ...(isWhole && { seed: BigInt(seed) }),
    ...(wire.n != null && { n: wire.n }),
    ...(wire.best_of != null && { bestOf: wire.best_of }),
    ...(wire.logprobs != null && { logprobs: wire.logprobs }),
    ...(wire.echo != null && { echo: wire.echo }),
    ...(wire.suffix != null && { suffix: wire.suffix }),
    ...(wire.presence_penalty != null && { presencePenalty: wire.presence_penalty }),
    ...(wire.frequency_penalty != null && { frequencyPenalty: wire.frequency_penalty }),
    logitBias: decodeBiases(wire.logit_bias, untranslated),
    ...(wire.user != null && { user: wire.user }),
  }
}

/** What an answer needs to know of the request. */
interface CompletionOptions {
  /** Send a last chunk with the usage. */
  readonly includeUsage: boolean
  /** Give the model name the client asked for, instead of the upstream's word. */
  readonly asked: boolean
}

/** The completion object of an answer, translated. */
function textCompletionOf(response: GenerateResponse, served: Served, asked: boolean): object {
  return {
    ...headOf(response, served, asked),
    choices: response.choices.map(({ index, text, finishReason }) =>
      choiceOf(index, text, finishWord(finishReason, false)),
    ),
    ...(response.usage !== undefined && { usage: encodeUsage(response.usage) }),
  }
}

function headOf(
  { id, created, model }: Pick<Started, 'id' | 'created' | 'model'>,
  served: Served,
  asked: boolean,
): object {
  return {
    id: id === '' ? `cmpl-${served.requestId}` : id,
    object: 'text_completion',
    created: Number(created) || Math.floor(Date.now() / 1000),
    model: asked || model === '' ? served.alias : model,
  }
}

function choiceOf(index: number, text: string, reason: string | null): object {
  return { index, text, logprobs: null, finish_reason: reason }
}

/** Writes a raw completion as OpenAI does. An upstream of the same dialect is handed through chunk by chunk as it wrote them. */
export class CompletionEncoder implements WholeAnswer<'generate'>, StreamedAnswer<'generate'> {
  readonly #options: CompletionOptions
  #head: object = {}
  #raw = false

  constructor(options: CompletionOptions) {
    this.#options = options
  }

  whole(response: GenerateResponse, served: Served): string {
    if (response.rawDialect === 'openai' && response.raw !== '') return response.raw
    return JSON.stringify(textCompletionOf(response, served, this.#options.asked))
  }

  events(batch: readonly GenerateEvent[], served: Served): string {
    return batch.map((event) => this.#event(event, served)).join('')
  }

  end(): string {
    return 'data: [DONE]\n\n'
  }

  fail(error: GatewayError): string {
    return `data: ${JSON.stringify({ error: errorObject(error) })}\n\n`
  }

  #event({ event, choice, raw }: GenerateEvent, served: Served): string {
    if (event.case === 'started') {
      this.#raw = event.value.rawDialect === 'openai'
      this.#head = headOf(event.value, served, this.#options.asked)
    }
    if (this.#raw) return raw === '' ? '' : writeData(raw)
    switch (event.case) {
      case 'textDelta':
        return this.#chunk([choiceOf(choice, event.value.text, null)])
      case 'finished':
        return this.#chunk([choiceOf(choice, '', finishWord(event.value.reason, false))])
      case 'usage':
        return this.#options.includeUsage ? this.#chunk([], encodeUsage(event.value)) : ''
      case 'started':
      case undefined:
        return ''
      default:
        return event satisfies never
    }
  }

  #chunk(choices: readonly object[], usage: object | null = null): string {
    return writeData(JSON.stringify({ ...this.#head, choices, ...(this.#options.includeUsage && { usage }) }))
  }
}

/** `POST /v1/completions`. */
export const completions: OperationRoute = {
  path: '/v1/completions',
  summary: 'A raw completion, whole or as a stream of chunks; of a model that only chats, its answer to the prompt',
  operation: 'generate',
  request: completionRequest,
  response: completion,
  produces: ['text/event-stream'],
  decode(body) {
    const { request, streaming, includeUsage } = decodeCompletionRequest(body)
    return { operation: 'generate', request, streaming, answer: new CompletionEncoder({ includeUsage, asked: false }) }
  },
}
