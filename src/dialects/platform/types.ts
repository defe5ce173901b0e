import { z } from 'zod'

/*
 * The wire format below `/api/v1/inference`. The page shows text turns only; parts, tools and tool calls are spelled here in
 * its manner. Objects are loose: a field that is not listed is no error, but is reported as not carried.
 */

const text = z.string().nullish()
const name = z.string().min(1)

/** A part of text. */
export const textPart = z.looseObject({ type: z.literal('text'), text: z.string() })
/** A part that shows an image: `url` (http, https or `data:`), or `data` as base64 with its `mediaType`. */
export const imagePart = z.looseObject({
  type: z.literal('image'),
  url: text,
  data: text,
  mediaType: text,
  detail: text,
})
/** A part of sound: `url`, or `data` as base64 with its `mediaType`. */
export const audioPart = z.looseObject({ type: z.literal('audio'), url: text, data: text, mediaType: text })

const part = z.discriminatedUnion('type', [textPart, imagePart, audioPart], {
  error: ({ code }) => (code === 'invalid_union' ? 'expected one of "text", "image", "audio"' : undefined),
})

/** A call of a tool that an earlier answer made. */
export const calledTool = z.looseObject({
  id: z.string(),
  name,
  arguments: z.unknown().describe('JSON text, or the object itself'),
})

/** One message of the conversation. */
export const chatMessage = z.looseObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(part)]).nullish(),
  name: text,
  toolCalls: z.array(calledTool).nullish(),
  toolCallId: text.describe('which call a message of the role "tool" answers'),
})

/** What is said of a function. */
export const functionDefinition = z.looseObject({
  name: name.nullish(),
  description: text,
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
})

/** A tool the model may call: flat, or inside `function` as OpenAI has it. */
export const tool = functionDefinition.extend({
  type: z.literal('function').nullish(),
  function: functionDefinition.nullish(),
})

const toolChoice = z.union([
  z.enum(['auto', 'none', 'required']),
  z.looseObject({ name: name.nullish(), function: z.looseObject({ name }).nullish() }),
])

/** Body of `POST /api/v1/inference/chat` and of `/chat/stream`. */
export const chatRequest = z.looseObject({
  model: z.string().max(512).nullish().describe('may be left out beside providerId'),
  providerId: z.string().max(256).nullish().describe('id or name of the provider to ask'),
  messages: z.array(chatMessage).min(1),
  maxTokens: z.int().min(1).max(0xffff_ffff).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  topP: z.number().min(0).max(1).nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  seed: z.int().nullish(),
  tools: z.array(tool).nullish(),
  toolChoice: toolChoice.nullish(),
})

/** A checked body of `POST /api/v1/inference/chat`. */
export type ChatRequestBody = z.infer<typeof chatRequest>
/** One message of the request. */
export type RequestMessage = z.infer<typeof chatMessage>
/** One content part of a message. */
export type RequestPart = z.infer<typeof part>
/** What is said of a function. */
export type FunctionDefinition = z.infer<typeof functionDefinition>
/** One tool the model may call. */
export type RequestTool = z.infer<typeof tool>
/** The request's `toolChoice`. */
export type RequestToolChoice = z.infer<typeof toolChoice>

// ---------------------------------------------------------------- answers

/** The envelope around every answer. */
export const envelope = <Data extends z.ZodType>(data: Data) => z.object({ success: z.literal(true), data })

const usage = z.object({ inputTokens: z.number(), outputTokens: z.number() })
const stopReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'refusal', 'error', 'other'])
const image = z.object({ url: z.string().optional(), data: z.string().optional(), mediaType: z.string().optional() })

/** Body of a whole answer. */
export const chatAnswer = envelope(
  z.object({
    content: z.string(),
    model: z.string().describe('the model asked for'),
    usage: usage.optional(),
    toolCalls: z.array(z.object({ id: z.string(), name: z.string(), arguments: z.string() })).optional(),
    reasoning: z.string().optional(),
    images: z.array(image).optional(),
    stopReason: stopReason.optional(),
    requestId: z.string(),
  }),
)

const toolCallDelta = z.object({
  index: z.number(),
  id: z.string().optional(),
  name: z.string().optional(),
  arguments: z.string(),
})

/** The value of one `data:` line of a streamed answer. */
export const chatEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('message_start'), id: z.string(), model: z.string() }),
  z.object({
    type: z.literal('content_block_delta'),
    delta: z.union([
      z.object({ text: z.string() }),
      z.object({ reasoning: z.string() }),
      z.object({ toolCall: toolCallDelta }),
      z.object({ image }),
    ]),
  }),
  z.object({ type: z.literal('message_stop'), stopReason: stopReason.optional(), usage: usage.optional() }),
  z.object({ type: z.literal('error'), error: z.object({ code: z.string(), message: z.string() }) }),
])
