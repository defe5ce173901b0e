import { z } from 'zod'
import { speechFormats } from '../speech.ts'

const voice = z.union([z.string(), z.looseObject({ id: z.string().min(1) })])

/** Body of `POST /v1/audio/speech`, as OpenAI's OpenAPI document 2.3.0 has it. How long a text may be is the provider's to say. */
export const speechRequest = z.looseObject({
  model: z.string().min(1).max(512),
  input: z.string().min(1),
  voice: voice.describe('The name of a voice of the model, or the id of one of the account’s own.'),
  response_format: z.enum(speechFormats).nullish(),
  speed: z.number().min(0.25).max(4).nullish(),
  instructions: z.string().nullish(),
  stream_format: z.enum(['audio', 'sse']).nullish().describe('The sound is streamed as it is: sse is refused.'),
})
