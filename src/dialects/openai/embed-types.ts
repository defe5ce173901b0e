import { z } from 'zod'
import { textInput } from '../text-input.ts'

/** Most inputs of one request. */
export const mostInputs = 2048

/** Body of `POST /v1/embeddings`. */
export const embeddingsRequest = z.looseObject({
  model: z.string().min(1).max(512),
  input: textInput(mostInputs, 1),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).max(0xffff_ffff).nullish(),
  user: z.string().nullish(),
  input_type: z.string().nullish().describe('what the vectors are for, as vendors beside OpenAI have it'),
})

/** Body of an answer. */
export const embeddingsAnswer = z.looseObject({
  object: z.literal('list'),
  data: z.array(
    z.looseObject({
      object: z.literal('embedding'),
      index: z.int(),
      embedding: z.union([z.array(z.number()), z.string().describe('base64 of little-endian 32-bit floats')]),
    }),
  ),
  model: z.string(),
  usage: z.looseObject({ prompt_tokens: z.int(), total_tokens: z.int() }),
})

/** An answer as upstreams send it: nothing is certain. */
export interface WireEmbeddings {
  readonly data?: unknown
  readonly model?: unknown
  readonly usage?: Readonly<Record<string, unknown>> | null
  readonly error?: unknown
}
