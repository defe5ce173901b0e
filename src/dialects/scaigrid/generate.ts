import { create } from '@bufbuild/protobuf'
import { z } from 'zod'
import { GenerateRequestSchema, type GenerateResponse } from '#gen/switchyard/v1/text_pb.ts'
import type { JsonBody, OperationRoute } from '../contract.ts'
import { CompletionEncoder } from '../openai/generate-server.ts'
import { completionRequest } from '../openai/generate-types.ts'
import { chatCompletion } from '../openai/types.ts'
import { encodeUsage } from '../openai/usage.ts'
import { finishWord } from '../openai/words.ts'
import type { Ask, Served, StreamedAnswer } from '../operation.ts'
import { inputKinds } from '../text-input.ts'
import { checkNoting } from '../untranslated.ts'
import { splittable } from './encode-answer.ts'
import { envelope, enveloped } from './envelope.ts'
import { errorObject } from './errors.ts'

const { model, max_tokens, temperature, top_p, stop, stream, user } = completionRequest.shape

/** Body of `POST /v1/inference/generate`. */
const generateRequest = z.looseObject({
  model,
  prompt: z.string(),
  max_tokens,
  temperature,
  top_p,
  stop,
  seed: z.int().nullish(),
  stream,
  user,
})

/** Body of a whole answer. */
const generateAnswer = enveloped(
  z.object({
    id: z.string(),
    model: z.string(),
    created: z.int(),
    choices: z.array(z.object({ index: z.int(), text: z.string(), finish_reason: z.string() })),
    usage: chatCompletion.shape.usage,
  }),
)

/** Completes text, whole or as OpenAI's chunks under the name that was asked for; a model that only chats is sent the prompt as a message. */
export const generate: OperationRoute = {
  path: '/v1/inference/generate',
  summary: 'Text that goes on from a prompt, whole or as a stream of chunks',
  operation: 'generate',
  request: generateRequest,
  response: generateAnswer,
  produces: ['text/event-stream'],
  decode,
}

function decode(body: JsonBody): Ask {
  const { wire, untranslated } = checkNoting(generateRequest, body.value)
  const request = create(GenerateRequestSchema, {
    model: wire.model,
    prompts: inputKinds(wire.prompt).map((kind) => ({ kind })),
    ...(wire.max_tokens != null && { maxOutputTokens: wire.max_tokens }),
    ...(wire.temperature != null && { temperature: wire.temperature }),
    ...(wire.top_p != null && { topP: wire.top_p }),
    ...(wire.stop != null && { stop: [wire.stop].flat() }),
    ...(wire.seed != null && { seed: BigInt(wire.seed) }),
    ...(wire.user != null && { user: wire.user }),
    source: { dialect: 'scaigrid', body: body.text, untranslated },
  })
  const asked = { operation: 'generate', request, capsOutput: true } as const
  if (wire.stream === true) return { ...asked, streaming: true, answer: streamed() }
  return { ...asked, streaming: false, answer: { whole } }
}

function whole(response: GenerateResponse, { requestId: id, alias }: Served): string {
  const data = {
    id: response.id === '' ? `cmpl-${id}` : response.id,
    model: alias,
    created: Number(response.created) || Math.floor(Date.now() / 1000),
    choices: response.choices.map(({ index, text, finishReason }) => {
      return { index, text, finish_reason: finishWord(finishReason, false) }
    }),
    ...(response.usage !== undefined && { usage: encodeUsage(response.usage) }),
  }
  return JSON.stringify(envelope(data, id))
}

function streamed(): StreamedAnswer<'generate'> {
  const chunks = new CompletionEncoder({ includeUsage: true, asked: true })
  return {
    events: (batch, served) => splittable(chunks.events(batch, served)),
    end: () => chunks.end(),
    fail: (error) => `event: error\ndata: ${splittable(JSON.stringify(errorObject(error)))}\n\n${chunks.end()}`,
  }
}
