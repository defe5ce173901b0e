import { z } from 'zod'
import { textInput } from '../text-input.ts'
import { chatCompletion, chatCompletionRequest } from './types.ts'

const {
  logit_bias,
  n,
  presence_penalty,
  frequency_penalty,
  seed,
  stop,
  stream,
  stream_options,
  temperature,
  top_p,
  user,
} = chatCompletionRequest.shape

/** Most prompts of one request. */
const mostPrompts = 2048

/** Body of `POST /v1/completions`, as OpenAI's OpenAPI document 2.3.0 has it. */
export const completionRequest = z.looseObject({
  model: chatCompletionRequest.shape.model,
  prompt: textInput(mostPrompts, 0).nullable(),
  best_of: z.int().min(0).max(20).nullish(),
  echo: z.boolean().nullish(),
  frequency_penalty,
  logit_bias,
  logprobs: z.int().min(0).max(5).nullish(),
  max_tokens: z.int().min(0).max(0xffff_ffff).nullish(),
  n,
  presence_penalty,
  seed,
  stop,
  stream,
  stream_options,
  suffix: z.string().nullish(),
  temperature,
  top_p,
  user,
})

/** A checked body of `POST /v1/completions`. */
export type CompletionRequest = z.infer<typeof completionRequest>

/** One text of an answer. */
const completionChoice = z.looseObject({
  index: z.int(),
  text: z.string(),
  finish_reason: z.string().nullable(),
  logprobs: z.unknown().optional(),
})

/** Body of a whole answer. */
export const completion = z.looseObject({
  id: z.string(),
  object: z.literal('text_completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(completionChoice),
  usage: chatCompletion.shape.usage,
})
