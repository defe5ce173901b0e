import { z } from 'zod'
import { chatCompletion, chatCompletionRequest } from '../openai/types.ts'
import { enveloped } from './envelope.ts'

/*
 * The wire format below `/v1/inference`: OpenAI's messages, tools and answers, with content parts of its own and an
 * envelope. Objects are loose: a field that is not listed is no error, but is reported as not carried.
 */

const text = z.string().nullish()
const encoded = z.looseObject({ data: z.string(), media_type: z.string().min(1) })

/** A content part. What it holds stands under the name of its type. */
const part = z.discriminatedUnion(
  'type',
  [
    z.looseObject({ type: z.literal('text'), text: z.string() }),
    z.looseObject({ type: z.literal('image_url'), image_url: z.looseObject({ url: z.string(), detail: text }) }),
    z.looseObject({ type: z.literal('image_base64'), image_base64: encoded }),
    z.looseObject({ type: z.literal('audio_url'), audio_url: z.looseObject({ url: z.string() }) }),
    z.looseObject({ type: z.literal('audio_base64'), audio_base64: encoded }),
  ],
  {
    error: ({ code }) => {
      const known = '"text", "image_url", "image_base64", "audio_url", "audio_base64"'
      return code === 'invalid_union' ? `expected one of ${known}` : undefined
    },
  },
)

/** A call of a tool that an earlier answer made. */
export const calledTool = z.looseObject({
  id: z.string(),
  type: text,
  function: z.looseObject({ name: z.string().min(1), arguments: z.unknown() }),
})

/** One message of the conversation. An assistant's may be the message of an earlier answer as it was. */
export const chatMessage = z.looseObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(part)]).nullish(),
  name: text,
  tool_calls: z.array(calledTool).nullish(),
  tool_call_id: text.describe('which call a message of the role "tool" answers'),
  refusal: text,
  reasoning_content: text,
})

/** Body of `POST /v1/inference/chat`. */
export const chatRequest = z.looseObject({
  model: z.string().min(1).max(512),
  messages: z.array(chatMessage).min(1),
  max_tokens: z.int().min(1).max(0xffff_ffff).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  seed: z.int().nullish(),
  stream: z.boolean().nullish(),
  tools: chatCompletionRequest.shape.tools,
  tool_choice: chatCompletionRequest.shape.tool_choice,
  metadata: z.record(z.string(), z.unknown()).nullish(),
})

/** A checked body of `POST /v1/inference/chat`. */
export type ChatRequestBody = z.infer<typeof chatRequest>
/** One message of the request. */
export type RequestMessage = z.infer<typeof chatMessage>
/** One content part of a message. */
export type RequestPart = z.infer<typeof part>

/** Body of a whole answer. */
export const chatAnswer = enveloped(
  chatCompletion.extend({ _meta: z.object({ request_id: z.string(), latency_ms: z.int() }) }),
)
