import { z } from 'zod'

/** A whole number; what is none is told in the words that have a type of error of their own. */
const int = z.int({ error: ({ code }) => (code === 'invalid_type' ? 'expected int' : undefined) })

/** How a call is to be made. */
export const inferenceConfiguration = z.looseObject({
  timeout_seconds: int.min(1).nullish().describe('for the whole call'),
  num_retries: int.min(0).max(10).nullish().describe('after the first try'),
})

/** Body of `POST /v5/inference`. */
export const genericInferenceRequest = z.looseObject({
  model: z
    .string()
    .max(512)
    .regex(/^[^/]+\/./, 'expected vendor/name')
    .describe('vendor/name, where the vendor is a provider’s name'),
  args: z
    .record(z.string(), z.unknown())
    .nullish()
    .describe(
      'the model’s own arguments: `messages` are a chat, `prompt` a text to continue or a picture to draw, `input` what to embed or to speak, by what the model is for; any others go to the provider as they are',
    ),
  inference_configuration: inferenceConfiguration.nullish(),
})

const response = z.unknown().describe('the model’s own answer')

/** Body of a whole answer, or the value of one `data:` line of a streamed one: the model’s own, wrapped. */
export const genericInferenceAnswer = z.discriminatedUnion('object', [
  z.object({ object: z.literal('generic_inference'), response }),
  z.object({ object: z.literal('generic_inference.chunk'), response }),
])

/** Body of a 422: one entry for each missing or mistyped field. */
export const validationError = z.object({
  detail: z.array(
    z.object({
      loc: z.array(z.union([z.string(), z.int()])),
      msg: z.string(),
      type: z.string(),
      input: z.unknown(),
    }),
  ),
})

/** Body of an error: of a 422, or one sentence. */
export const errorAnswer = z.union([validationError, z.object({ detail: z.string() })])
