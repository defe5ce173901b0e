import { z } from 'zod'
import type { WireLogprob } from '../logprobs.ts'

/*
 * The wire format of `/v1/responses`, as OpenAI's OpenAPI document 2.3.0 has it. Objects are loose: a field that is not listed
 * survives and is passed on.
 */

const text = z.string().nullish()
const flag = z.boolean().nullish()
const map = z.record(z.string(), z.unknown())

const item = z.looseObject({
  type: text.describe('message, function_call, function_call_output, reasoning, …; a message when absent'),
  role: text,
  content: z.unknown().optional(),
  id: text,
  status: text,
})

const tool = z.looseObject({
  type: z.string().describe('function, custom; or a tool that the provider itself runs'),
  name: text,
  description: text,
  parameters: map.nullish(),
  strict: flag,
  format: map.nullish(),
})

const toolChoice = z.union([
  z.string(),
  z.looseObject({ type: z.string(), name: text, mode: text, tools: z.array(z.looseObject({})).nullish() }),
])

const format = z.looseObject({
  type: z.string(),
  name: text,
  description: text,
  schema: map.nullish(),
  strict: flag,
})

/** Body of `POST /v1/responses`. */
export const createResponse = z.looseObject({
  model: z.string().min(1).max(512),
  /** May only be absent beside a `prompt` that the vendor keeps. */
  input: z.union([z.string(), z.array(item)]).nullish(),
  background: flag,
  conversation: z.unknown().optional(),
  include: z.array(z.string()).nullish(),
  instructions: text,
  max_output_tokens: z.int().min(1).max(0xffff_ffff).nullish(),
  metadata: map.nullish(),
  parallel_tool_calls: flag,
  previous_response_id: text,
  prompt_cache_key: text,
  reasoning: z.looseObject({ effort: text, summary: text, generate_summary: text }).nullish(),
  safety_identifier: text,
  service_tier: text,
  store: flag,
  stream: flag,
  stream_options: z.looseObject({}).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  text: z.looseObject({ format: format.nullish(), verbosity: text }).nullish(),
  tool_choice: toolChoice.nullish(),
  tools: z.array(tool).nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  truncation: text,
  user: text,
})

/** A checked body of `POST /v1/responses`. */
export type CreateResponse = z.infer<typeof createResponse>
/** One item of the request's `input`. */
export type InputItem = z.infer<typeof item>
/** One tool the model may call, or the provider run. */
export type RequestTool = z.infer<typeof tool>
/** The request's `tool_choice`. */
export type RequestToolChoice = z.infer<typeof toolChoice>
/** The request's `text.format`. */
export type RequestFormat = z.infer<typeof format>

/** One part of a message's or a tool output's content. */
const contentPart = z.looseObject({
  type: z.string().describe('input_text, output_text, refusal, input_image, input_file, input_audio'),
  text,
  annotations: z.array(z.looseObject({ type: z.string() })).nullish(),
  logprobs: z.array(z.unknown()).nullish(),
  refusal: text,
  image_url: text,
  detail: text,
  file_id: text,
  file_data: text,
  file_url: text,
  filename: text,
  input_audio: z.looseObject({ data: z.string(), format: text }).nullish(),
})
/** One checked part of a content list. */
export type ContentPart = z.infer<typeof contentPart>

const content = z.union([z.string(), z.array(contentPart)])

/** An item that is a message, in its easy and its full form. */
export const messageItem = z.looseObject({
  type: text,
  id: text,
  status: text,
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content,
})
/** An item by which the model called a function. */
export const functionCall = z.looseObject({
  type: z.string(),
  id: text,
  status: text,
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
})
/** An item by which the model called a free-text tool. */
export const customToolCall = z.looseObject({
  type: z.string(),
  id: text,
  status: text,
  call_id: z.string(),
  name: z.string(),
  input: z.string(),
})
/** An item with what a function or a free-text tool answered. */
export const callOutput = z.looseObject({
  type: z.string(),
  id: text,
  status: text,
  call_id: z.string(),
  output: content,
})
/** An item of reasoning: its summary, its text, and what only the vendor can read. */
export const reasoningItem = z.looseObject({
  type: z.string(),
  id: text,
  status: text,
  summary: z.array(z.looseObject({ type: z.string(), text: z.string() })).nullish(),
  content: z.array(z.looseObject({ type: z.string(), text: z.string() })).nullish(),
  encrypted_content: text,
})

/** Body of a whole answer. */
export const responseObject = z.looseObject({
  id: z.string(),
  object: z.literal('response'),
  created_at: z.number(),
  status: z.enum(['completed', 'incomplete', 'failed', 'in_progress']),
  model: z.string(),
  output: z.array(z.looseObject({ type: z.string(), id: text, status: text })),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
  incomplete_details: z.looseObject({ reason: z.string() }).nullable(),
  usage: z
    .looseObject({
      input_tokens: z.number(),
      input_tokens_details: z.looseObject({ cached_tokens: z.number(), cache_write_tokens: z.number() }),
      output_tokens: z.number(),
      output_tokens_details: z.looseObject({ reasoning_tokens: z.number() }),
      total_tokens: z.number(),
    })
    .nullish(),
})

// ---------------------------------------------------------------- answers as upstreams send them: nothing is certain

/** A part of a message's content or of reasoning. */
export interface WirePart {
  type?: string
  text?: string | null
  refusal?: string | null
  annotations?: Record<string, unknown>[] | null
  logprobs?: WireLogprob[] | null
}

/** An item of an answer's output, of any type. */
export interface WireItem {
  type?: string
  id?: string | null
  status?: string | null
  content?: WirePart[] | null
  summary?: WirePart[] | null
  encrypted_content?: string | null
  call_id?: string | null
  name?: string | null
  arguments?: unknown
  input?: unknown
}

/** A `usage` object. */
export interface WireUsage {
  input_tokens?: unknown
  output_tokens?: unknown
  total_tokens?: unknown
  input_tokens_details?: Record<string, unknown> | null
  output_tokens_details?: Record<string, unknown> | null
}

/** A whole answer, or the state of one inside a stream's event. */
export interface WireResponse {
  object?: string
  id?: string | null
  model?: string | null
  created_at?: number | null
  status?: string | null
  output?: WireItem[] | null
  usage?: WireUsage | null
  error?: unknown
  incomplete_details?: { reason?: string | null } | null
  service_tier?: string | null
}

/** One event of a stream: the fields of every type that is read. */
export interface WireEvent {
  type?: string
  response?: WireResponse | null
  item?: WireItem | null
  part?: WirePart | null
  item_id?: string
  output_index?: number
  content_index?: number
  summary_index?: number
  delta?: unknown
  text?: unknown
  refusal?: unknown
  arguments?: unknown
  input?: unknown
  annotation?: Record<string, unknown> | null
  logprobs?: WireLogprob[] | null
  error?: unknown
}
