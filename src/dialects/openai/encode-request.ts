import {
  type AudioOptions,
  type ChatRequest,
  type ResponseFormat,
  type Tool,
  type ToolChoice,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import type { EncodedChat } from '../contract.ts'
import { replaceModel } from '../json.ts'
import { type Adaptation, adaptBody, adaptText } from './adapt-body.ts'
import type { EmbeddingVendor } from './embed-client.ts'
import type { ImageOptions } from './image-client.ts'
import { leaveOut, usual } from './leave-out.ts'
import { askObject, losesSchema, lostSchema } from './object-format.ts'
import type { SpeechOptions } from './speech-client.ts'
import { encodeCacheControl, encodeContent, encodeMessage, type MessageOptions } from './encode-messages.ts'
import type { TranscriptionOptions } from './transcription-client.ts'

/** What differs between vendors that are compatible with OpenAI's chat completions. */
export interface CompatibleOptions
  extends Adaptation, MessageOptions, EmbeddingVendor, ImageOptions, SpeechOptions, TranscriptionOptions {
  /** Names the vendor in signatures. */
  readonly vendor: string
  /** Body fields the vendor refuses: left out of translated requests, and named as dropped. */
  readonly refuses: readonly string[]
  /** Those of them that the vendor passes over in silence: left out of a client's own words as well, and named. */
  readonly ignores?: readonly string[]
  /** The field for the limit of output tokens. */
  readonly limitField: 'max_tokens' | 'max_completion_tokens'
  /** Models that complete text by themselves: names, or prefixes ending in `*`. All of them unless said otherwise; any other is asked in a chat. */
  readonly completes?: readonly string[]
  /** Models that answer with an object, but follow no schema of it: names, or prefixes ending in `*`. None unless said otherwise. */
  readonly withoutSchemas?: readonly string[]
  /** Ask every stream for usage, even where the client's own words do not. */
  readonly alwaysAskUsage: boolean
}

/**
 * Writes a request as chat completions want it. A request that came in this dialect goes out as the client wrote it with only
 * the model replaced; any other is translated, and what has no place in the format is named in `dropped`. Of a model that follows no
 * schema an object is asked for, whoever wrote the request, and the schema is named. Throws `unsupported_field` for what changes the answer
 * and the vendor refuses.
 */
export function encodeRequest(request: ChatRequest, streaming: boolean, options: CompatibleOptions): EncodedChat {
  const source = request.source
  const lost = losesSchema(request, options.withoutSchemas) ? [lostSchema] : []
  if (source?.dialect === 'openai') {
    requireShape(request, options)
    const own = leaveOut(replaceModel(source.body, request.model), options.ignores)
    const body = lost.length > 0 ? askObject(own.body) : own.body
    const dropped = [...lost, ...own.dropped]
    return { body: adaptText(askUsage(body, streaming, options), options), dropped, passThrough: true }
  }
  const dropped = [...(source?.untranslated ?? []), ...lost]
  const body: Record<string, unknown> = {
    model: request.model,
    messages: request.messages.flatMap((message, index) =>
      encodeMessage(message, `messages[${index}]`, options, dropped),
    ),
    ...encodeTools(request, dropped),
    ...encodeSampling(request, options),
    ...encodeOptions(request, options, dropped),
    ...(streaming && { stream: true, stream_options: { include_usage: true } }),
  }
  const taken = withoutRefused(body, options, dropped)
  return { body: JSON.stringify(adaptBody(taken, options)), dropped, passThrough: false }
}

/** A translated body without the fields that the vendor refuses, named in `dropped`. Throws `unsupported_field` for one that changes the answer. */
export function withoutRefused(
  body: Readonly<Record<string, unknown>>,
  { refuses }: CompatibleOptions,
  dropped: string[],
): Record<string, unknown> {
  const taken = { ...body }
  for (const field of refuses) {
    if (taken[field] === undefined) continue
    if (changesTheAnswer(field, taken[field])) throw refusal(field)
    if (field !== 'stream_options' && taken[field] !== usual[field]) dropped.push(field)
    delete taken[field]
  }
  return taken
}

/** Throws `unsupported_field` for a field that changes the answer and that the vendor refuses, or passes over in silence. */
export function requireShape(
  { n, logprobs, topLogprobs }: Pick<ChatRequest, 'n' | 'logprobs' | 'topLogprobs'>,
  { refuses }: CompatibleOptions,
): void {
  const asked: Readonly<Record<string, unknown>> = { n, logprobs, top_logprobs: topLogprobs }
  const refused = refuses.find((field) => asked[field] !== undefined && changesTheAnswer(field, asked[field]))
  if (refused !== undefined) throw refusal(refused)
}

function refusal(field: string): Error {
  return fail('unsupported_field', `the provider of this model does not have ${field}`, { param: field })
}

/** Fields without which the answer would not be of the shape that was asked for. They are refused, never left out. */
function changesTheAnswer(field: string, value: unknown): boolean {
  return ['n', 'logprobs', 'top_logprobs'].includes(field) && value !== usual[field]
}

/** Adds `stream_options.include_usage` to the client's own words, where the operator wants every stream counted. */
export function askUsage(body: string, streaming: boolean, options: CompatibleOptions): string {
  if (!streaming || !options.alwaysAskUsage) return body
  const parsed = JSON.parse(body) as { stream_options?: Record<string, unknown> | null }
  return JSON.stringify({ ...parsed, stream_options: { ...parsed.stream_options, include_usage: true } })
}

function encodeTools(request: ChatRequest, dropped: string[]): object {
  const tools = request.tools.flatMap((tool, index) => encodeTool(tool, `tools[${index}]`, dropped))
  return {
    ...(tools.length > 0 && { tools }),
    ...(request.toolChoice !== undefined &&
      request.toolChoice.mode !== Mode.UNSPECIFIED && {
        tool_choice: encodeToolChoice(request.toolChoice, request.tools),
      }),
    parallel_tool_calls: request.parallelToolCalls,
  }
}

function encodeTool(tool: Tool, path: string, dropped: string[]): object[] {
  const { kind } = tool
  const hint = tool.cacheControl === undefined ? {} : { cache_control: encodeCacheControl(tool.cacheControl) }
  switch (kind.case) {
    case 'function': {
      const { name, description, parameters, strict } = kind.value
      const definition = {
        name,
        ...(description !== '' && { description }),
        parameters,
        strict,
      }
      return [{ type: 'function', function: definition, ...hint }]
    }
    case 'custom': {
      const { name, description, format } = kind.value
      return [
        {
          type: 'custom',
          custom: { name, ...(description !== '' && { description }), format },
          ...hint,
        },
      ]
    }
    default:
      dropped.push(path)
      return []
  }
}

function encodeToolChoice(choice: ToolChoice, tools: readonly Tool[]): unknown {
  const free = new Set(tools.flatMap(({ kind }) => (kind.case === 'custom' ? [kind.value.name] : [])))
  const named = choice.names.map((name) =>
    free.has(name) ? { type: 'custom', custom: { name } } : { type: 'function', function: { name } },
  )
  switch (choice.mode) {
    case Mode.NONE:
      return 'none'
    case Mode.REQUIRED:
      return 'required'
    case Mode.NAMED:
      return named.length === 1
        ? named[0]
        : { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: named } }
    case Mode.ALLOWED:
      return { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: named } }
    default:
      return 'auto'
  }
}

function encodeSampling(request: ChatRequest, options: CompatibleOptions): object {
  return {
    [options.limitField]: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    seed: request.seed === undefined ? undefined : Number(request.seed),
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
    n: request.n,
    logprobs: request.logprobs,
    top_logprobs: request.topLogprobs,
    stop: request.stop.length === 0 ? undefined : request.stop,
    logit_bias: Object.keys(request.logitBias).length === 0 ? undefined : request.logitBias,
  }
}

function encodeOptions(request: ChatRequest, options: CompatibleOptions, dropped: string[]): object {
  const { reasoning, audio } = request
  if (reasoning?.budgetTokens !== undefined) dropped.push('reasoning.budget_tokens')
  if (reasoning?.summary !== undefined) dropped.push('reasoning.summary')
  return {
    response_format:
      request.responseFormat &&
      (losesSchema(request, options.withoutSchemas) ? { type: 'json_object' } : encodeFormat(request.responseFormat)),
    reasoning_effort: reasoning?.effort,
    ...(request.modalities.length > 0 && { modalities: request.modalities }),
    audio: audio && encodeAudio(audio),
    verbosity: request.verbosity,
    service_tier: request.serviceTier,
    user: request.user,
    ...(Object.keys(request.metadata).length > 0 && { metadata: request.metadata }),
    ...(request.prediction.length > 0 && {
      prediction: { type: 'content', content: encodeContent(request.prediction, 'prediction', options, dropped) },
    }),
    prompt_cache_key: request.promptCacheKey,
    store: request.store,
  }
}

function encodeAudio({ format, voice }: AudioOptions): object {
  return { ...(format !== '' && { format }), ...(voice !== '' && { voice }) }
}

function encodeFormat(format: ResponseFormat): object {
  const { kind } = format
  switch (kind.case) {
    case 'jsonObject':
      return { type: 'json_object' }
    case 'jsonSchema': {
      const { name, description, schema, strict } = kind.value
      const definition = {
        name: name === '' ? 'answer' : name,
        ...(description !== '' && { description }),
        schema,
        strict,
      }
      return { type: 'json_schema', json_schema: definition }
    }
    default:
      return { type: 'text' }
  }
}
