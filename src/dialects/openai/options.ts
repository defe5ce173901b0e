import { z } from 'zod'
import type { OptionSchemas } from '../contract.ts'
import type { CompatibleOptions } from './encode-request.ts'

const names = z.array(z.string())

/** What an operator may say of a vendor that is compatible with OpenAI's chat completions. */
export const compatibleOptions: OptionSchemas<CompatibleOptions> = {
  vendor: z.string(),
  refuses: names,
  ignores: names,
  limitField: z.enum(['max_tokens', 'max_completion_tokens']),
  completes: names,
  withoutSchemas: names,
  alwaysAskUsage: z.boolean(),
  renames: z.record(z.string(), z.string().nullable()),
  callIdLength: z.int().min(1).max(64),
  reasoningField: z.enum(['reasoning_content', 'reasoning', 'thinking']),
  linked: z.array(z.enum(['image', 'audio', 'file'])),
  embeddings: z
    .strictObject({
      inputs: z.int().positive(),
      tokensAtOnce: z.int().positive(),
      dimensions: z.string().nullable(),
      purpose: z.strictObject({ field: z.string(), words: z.record(z.string(), z.string()) }),
      user: z.boolean(),
      tokens: z.boolean(),
      formats: z.array(z.enum(['float', 'base64'])),
      compact: z.boolean(),
    })
    .partial(),
  imageRefuses: names,
  imageBytes: z.boolean(),
  speechRefuses: names,
  timedTranscripts: names,
  plainTranscripts: names,
  plainUsage: z.boolean(),
  transcriptFormats: z.boolean(),
  speakersField: z.string(),
  timesOfLanguage: z.boolean(),
  transcriptRefuses: names,
  translates: z.boolean(),
}
