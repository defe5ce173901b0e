import { z } from 'zod'

/*
 * The wire format of `/v1/messages`, as Anthropic's API reference and its TypeScript SDK 1.11 have it. Objects are loose: a field
 * that is not listed survives and is passed on.
 */

const text = z.string().nullish()
const flag = z.boolean().nullish()
const cacheControl = z.looseObject({ type: z.string(), ttl: text }).nullish()

const source = z.looseObject({
  type: z.string().describe('base64, url, text, content or file'),
  media_type: text,
  data: text,
  url: text,
  file_id: text,
  content: z.unknown().optional(),
})

/** The kinds of block that become parts of the contract's own; every other one is carried as it is. */
const translated = ['text', 'image', 'document', 'tool_use', 'tool_result', 'thinking', 'redacted_thinking'] as const

const knownBlock = z.looseObject({
  type: z.enum(translated),
  text: text,
  source: source.nullish(),
  title: text,
  id: text,
  name: text,
  input: z.unknown().optional(),
  tool_use_id: text,
  content: z.unknown().optional(),
  is_error: flag,
  thinking: text,
  signature: text,
  data: text,
  citations: z.unknown().optional(),
  caller: z.looseObject({ type: z.string() }).nullish(),
  cache_control: cacheControl,
})

const otherBlock = z.looseObject({
  type: z
    .string()
    .refine((type) => !(translated as readonly string[]).includes(type), 'expected the members of its type')
    .describe('a tool that Anthropic runs, its result, or a kind newer than this'),
  cache_control: cacheControl,
})

const block = z.union([knownBlock, otherBlock])

const content = z.union([z.string(), z.array(block)])

const message = z.looseObject({ role: z.enum(['user', 'assistant', 'system']), content })

const tool = z.looseObject({
  type: text,
  name: text,
  description: text,
  input_schema: z.record(z.string(), z.unknown()).nullish(),
  strict: flag,
  cache_control: cacheControl,
})

const toolChoice = z.looseObject({
  type: z.enum(['auto', 'any', 'tool', 'none']),
  name: text,
  disable_parallel_tool_use: flag,
})

const thinking = z.looseObject({
  type: z.string().describe('enabled, disabled or adaptive'),
  budget_tokens: z.int().min(1).max(0xffff_ffff).nullish(),
})

const format = z.looseObject({ type: z.string(), schema: z.record(z.string(), z.unknown()).nullish() }).nullish()

const prompt = {
  model: z.string().min(1).max(512),
  messages: z.array(message).min(1),
  system: content.nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: thinking.nullish(),
  output_config: z.looseObject({ effort: text, format }).nullish(),
  output_format: format,
}

const sampling = {
  metadata: z.looseObject({ user_id: text }).nullish(),
  service_tier: text,
  stop_sequences: z.array(z.string()).nullish(),
  stream: flag,
  temperature: z.number().min(0).max(2).nullish(),
  top_k: z.int().min(0).max(0x7fff_ffff).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
}

const limit = z.int().min(1).max(0xffff_ffff)

/** Body of `POST /v1/messages`. */
export const messagesRequest = z.looseObject({ ...prompt, ...sampling, max_tokens: limit })

/** Body of `POST /v1/messages/count_tokens`: what a message would be asked with, without how it is to be written. */
export const countRequest = z.looseObject({ ...prompt, ...sampling, max_tokens: limit.nullish() })

/** A checked body of either. */
export type MessagesRequest = z.infer<typeof countRequest>
/** One message of the request. */
export type RequestMessage = z.infer<typeof message>
/** One content block of a message. */
export type RequestBlock = z.infer<typeof block>
/** One content block of a kind that the contract knows. */
export type KnownBlock = z.infer<typeof knownBlock>
/** Where the bytes of an image or a document are. */
export type RequestSource = z.infer<typeof source>
/** One tool the model may use. */
export type RequestTool = z.infer<typeof tool>
/** The request's `tool_choice`. */
export type RequestToolChoice = z.infer<typeof toolChoice>

/** The names of the body's fields that become fields of the contract, and those of its parts, for {@link noteUnknown}. */
export const known = {
  body: messagesRequest.shape,
  tool: tool.shape,
  toolChoice: toolChoice.shape,
} as const

/** A list of content blocks, as it may also stand inside a tool's result. */
export const blocks = z.array(block)

/** True for a block of a kind that the contract knows. */
export function isKnownBlock(wire: RequestBlock): wire is KnownBlock {
  return (translated as readonly string[]).includes(wire.type)
}

const count = z.number()

/** Body of a whole answer. */
export const messageObject = z.looseObject({
  id: z.string(),
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: z.string(),
  content: z.array(z.looseObject({ type: z.string() })),
  stop_reason: z.string().nullable(),
  stop_sequence: z.string().nullable(),
  usage: z.looseObject({
    input_tokens: count,
    output_tokens: count,
    cache_creation_input_tokens: count.nullable(),
    cache_read_input_tokens: count.nullable(),
  }),
})

/** Body of an answer of `/v1/messages/count_tokens`. */
export const tokenCountObject = z.object({ input_tokens: count })

// ---------------------------------------------------------------- answers as upstreams send them: nothing is certain

/** A content block of an answer, whole or at its start. */
export interface WireBlock {
  [key: string]: unknown
  type?: string
}

/** A `usage` object, of a whole answer, a message's start or its delta. */
export interface WireUsage {
  [key: string]: unknown
  input_tokens?: unknown
  output_tokens?: unknown
  cache_creation_input_tokens?: unknown
  cache_read_input_tokens?: unknown
  cache_creation?: Record<string, unknown> | null
  output_tokens_details?: Record<string, unknown> | null
  server_tool_use?: Record<string, unknown> | null
  service_tier?: unknown
}

/** A whole answer, or the `message` that a stream starts with. */
export interface WireMessage {
  type?: string
  id?: string
  model?: string
  content?: WireBlock[] | null
  stop_reason?: string | null
  stop_sequence?: string | null
  usage?: WireUsage | null
  error?: unknown
}

/** One event of a stream. */
export interface WireEvent {
  type?: string
  message?: WireMessage | null
  index?: number
  content_block?: WireBlock | null
  delta?: Record<string, unknown> | null
  usage?: WireUsage | null
  error?: unknown
}
