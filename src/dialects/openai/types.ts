import { z } from 'zod'
import type { WireLogprob } from '../logprobs.ts'

/*
 * The wire format of `/v1/chat/completions`, as OpenAI's OpenAPI document 2.3.0 has it, with what compatible vendors add
 * where it is common. Objects are loose: a field that is not listed survives and is passed on.
 */

const text = z.string().nullish()
const flag = z.boolean().nullish()
const cacheControl = z.looseObject({ type: z.string() }).nullish()

const imageUrl = z.looseObject({ url: z.string(), detail: text })
const inputAudio = z.looseObject({ data: z.string(), format: text })
const file = z.looseObject({ file_id: text, file_data: text, filename: text })

const part = z.looseObject({
  type: z.string().describe('text, image_url, input_audio, file, refusal; or a type of the vendor’s own'),
  text: text,
  image_url: z.union([z.string(), imageUrl]).nullish(),
  input_audio: z.union([z.string(), inputAudio]).nullish(),
  file: file.nullish(),
  refusal: text,
  cache_control: cacheControl,
})

const toolCall = z.looseObject({
  id: text,
  type: text,
  function: z.looseObject({ name: text, arguments: z.unknown().optional() }).nullish(),
  custom: z.looseObject({ name: text, input: text }).nullish(),
})

const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: z.union([z.string(), z.array(part)]).nullish(),
  name: text,
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: text,
  function_call: z.looseObject({ name: z.string(), arguments: z.string() }).nullish(),
  refusal: text,
  audio: z.looseObject({ id: z.string() }).nullish(),
  reasoning_content: text,
  reasoning: text,
})

const functionDefinition = z.looseObject({
  name: z.string().min(1),
  description: text,
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: flag,
})

const customTool = z.looseObject({ name: z.string().min(1), description: text, format: z.looseObject({}).nullish() })

const tool = z.looseObject({
  type: text,
  function: functionDefinition.nullish(),
  custom: customTool.nullish(),
  cache_control: cacheControl,
})

const toolChoice = z.union([
  z.string(),
  z.looseObject({
    type: text,
    name: text,
    function: z.looseObject({ name: z.string() }).nullish(),
    custom: z.looseObject({ name: z.string() }).nullish(),
    allowed_tools: z.looseObject({ mode: z.string(), tools: z.array(z.looseObject({})) }).nullish(),
  }),
])

const jsonSchema = z.looseObject({
  name: text,
  description: text,
  schema: z.record(z.string(), z.unknown()).nullish(),
  strict: flag,
})

const responseFormat = z.looseObject({ type: z.string(), json_schema: jsonSchema.nullish() })

const audio = z.looseObject({ format: text, voice: z.unknown().optional() })

const count = z.int().min(1).max(0xffff_ffff).nullish()
const penalty = z.number().min(-2).max(2).nullish()

/** Body of `POST /v1/chat/completions`. */
export const chatCompletionRequest = z.looseObject({
  model: z.string().min(1).max(512),
  messages: z.array(message),
  audio: audio.nullish(),
  frequency_penalty: penalty,
  function_call: z.union([z.string(), z.looseObject({ name: z.string() })]).nullish(),
  functions: z.array(functionDefinition).max(128).nullish(),
  logit_bias: z.record(z.string(), z.number()).nullish(),
  logprobs: flag,
  max_completion_tokens: count,
  max_tokens: count,
  metadata: z.record(z.string(), z.unknown()).nullish(),
  modalities: z.array(z.string()).nullish(),
  moderation: z.unknown().optional(),
  n: z.int().min(1).max(128).nullish(),
  parallel_tool_calls: flag,
  prediction: z.looseObject({ type: z.string(), content: z.union([z.string(), z.array(part)]) }).nullish(),
  presence_penalty: penalty,
  prompt_cache_key: text,
  prompt_cache_options: z.unknown().optional(),
  prompt_cache_retention: text,
  reasoning_effort: text,
  response_format: responseFormat.nullish(),
  safety_identifier: text,
  seed: z.number().refine(Number.isInteger, 'expected an integer').nullish(),
  service_tier: text,
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  store: flag,
  stream: flag,
  stream_options: z.looseObject({ include_usage: flag, include_obfuscation: flag }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  tool_choice: toolChoice.nullish(),
  tools: z.array(tool).nullish(),
  top_k: z.int().min(-1).max(0x7fff_ffff).nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  user: text,
  verbosity: text,
  web_search_options: z.unknown().optional(),
})

/** A checked body of `POST /v1/chat/completions`. */
export type ChatCompletionRequest = z.infer<typeof chatCompletionRequest>
/** One message of the request. */
export type RequestMessage = z.infer<typeof message>
/** One call of a tool in a message. */
export type RequestCall = z.infer<typeof toolCall>
/** One content part of a message. */
export type RequestPart = z.infer<typeof part>
/** One tool the model may call. */
export type RequestTool = z.infer<typeof tool>
/** The request's `response_format`. */
export type RequestFormat = z.infer<typeof responseFormat>
/** The request's `tool_choice`. */
export type RequestToolChoice = z.infer<typeof toolChoice>

/** The names of the fields that become fields of the contract, for {@link noteUnknown}. */
export const known = {
  message: message.shape,
  toolCall: toolCall.shape,
  imageUrl: imageUrl.shape,
  inputAudio: inputAudio.shape,
  file: file.shape,
  tool: tool.shape,
  functionDefinition: functionDefinition.shape,
  customTool: customTool.shape,
  responseFormat: responseFormat.shape,
  jsonSchema: jsonSchema.shape,
  audio: audio.shape,
} as const

const usage = z.looseObject({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  total_tokens: z.number(),
  prompt_tokens_details: z
    .looseObject({ cached_tokens: z.number().optional(), audio_tokens: z.number().optional() })
    .nullish(),
  completion_tokens_details: z
    .looseObject({
      reasoning_tokens: z.number().optional(),
      audio_tokens: z.number().optional(),
      accepted_prediction_tokens: z.number().optional(),
      rejected_prediction_tokens: z.number().optional(),
    })
    .nullish(),
  cache_read_input_tokens: z.number().optional(),
  cache_creation_input_tokens: z.number().optional(),
})

const answerMessage = z.looseObject({
  role: z.string(),
  content: z.string().nullable(),
  refusal: text,
  tool_calls: z.array(toolCall).optional(),
  annotations: z.array(z.looseObject({})).optional(),
  audio: z.looseObject({ id: z.string(), data: z.string(), transcript: z.string(), expires_at: z.number() }).nullish(),
  reasoning_content: text,
})

/** Body of a whole answer. */
export const chatCompletion = z.looseObject({
  id: z.string(),
  object: z.string(),
  created: z.number(),
  model: z.string(),
  choices: z.array(
    z.looseObject({
      index: z.number(),
      message: answerMessage,
      finish_reason: z.string().nullable(),
      logprobs: z.unknown().optional(),
    }),
  ),
  usage: usage.optional(),
  service_tier: text,
  system_fingerprint: text,
})

/** Body of `GET /v1/models/{id}`. */
export const modelObject = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.number(),
  owned_by: z.string(),
})

/** Body of `GET /v1/models`. */
export const modelList = z.object({ object: z.literal('list'), data: z.array(modelObject) })

// ---------------------------------------------------------------- answers as upstreams send them: nothing is certain

/** A part of the content, where the vendor has parts. */
export interface WireContentPart {
  type?: string
  text?: string
  thinking?: unknown
}

/** The content of a delta or a message: a string, parts, or the very object that a schema asked for. */
export type WireContent = string | readonly WireContentPart[] | Readonly<Record<string, unknown>> | null

/** A `delta` of a chunk, or the `message` of a whole answer. */
export interface WireDelta {
  role?: string | null
  content?: WireContent
  refusal?: string | null
  reasoning_content?: string | null
  reasoning?: string | null
  reasoning_details?:
    | {
        type?: string
        text?: string | null
        summary?: string | null
        signature?: string | null
        data?: string | null
      }[]
    | null
  tool_calls?: WireToolCall[] | null
  function_call?: { name?: string; arguments?: string } | null
  annotations?: Record<string, unknown>[] | null
  audio?: { id?: string; data?: string; transcript?: string; expires_at?: number } | null
}

/** One entry of `tool_calls`, whole or in pieces. */
export interface WireToolCall {
  index?: number
  id?: string | null
  type?: string
  function?: { name?: string | null; arguments?: unknown } | null
  custom?: { name?: string | null; input?: string } | null
}

/** One choice of a chunk or of a whole answer. */
export interface WireChoice {
  index?: number
  delta?: WireDelta | null
  message?: WireDelta | null
  /** Of a raw completion, where a chat has a delta or a message. */
  text?: string | null
  finish_reason?: string | null
  logprobs?: { content?: WireLogprob[] | null; refusal?: WireLogprob[] | null } | null
}

/** A `usage` object, in the vendors' spellings. */
export interface WireUsage {
  prompt_tokens?: unknown
  completion_tokens?: unknown
  total_tokens?: unknown
  reasoning_tokens?: unknown
  citation_tokens?: unknown
  num_search_queries?: unknown
  prompt_tokens_details?: Record<string, unknown> | null
  completion_tokens_details?: Record<string, unknown> | null
  cache_read_input_tokens?: unknown
  cache_creation_input_tokens?: unknown
  cache_creation?: Record<string, unknown> | null
  prompt_cache_hit_tokens?: unknown
  num_cached_tokens?: unknown
}

/** A chunk of a stream, or a whole answer. */
export interface WireAnswer {
  object?: string
  id?: string
  model?: string
  created?: number
  choices?: WireChoice[] | null
  usage?: WireUsage | null
  x_groq?: { usage?: WireUsage | null; error?: unknown } | null
  service_tier?: string | null
  system_fingerprint?: string | null
  error?: unknown
}
