import { z } from 'zod'

/*
 * The wire format of `/v1/audio/transcriptions` and `/v1/audio/translations`, as OpenAI's OpenAPI document 2.3.0 has it, with
 * what compatible vendors add. Objects are loose: a field that is not listed survives and is passed on.
 */

/** The formats that a transcript can be asked for in. */
export const transcriptFormats = ['json', 'text', 'srt', 'verbose_json', 'vtt', 'diarized_json'] as const

/** One of {@link transcriptFormats}. */
export type TranscriptFormat = (typeof transcriptFormats)[number]

const temperature = z.number().min(0).max(1).optional()
const model = z.string().min(1).max(512)
const prompt = z.string().optional()

/** The form of `POST /v1/audio/transcriptions`. */
export const transcriptionRequest = z.looseObject({
  file: z.string().meta({ format: 'binary' }).optional().describe('The recording; it must be there.'),
  model,
  language: z.string().optional().describe('ISO 639-1'),
  prompt,
  response_format: z.enum(transcriptFormats).optional(),
  temperature,
  timestamp_granularities: z.array(z.enum(['segment', 'word'])).optional(),
  stream: z.boolean().optional(),
})

/** The form of `POST /v1/audio/translations`. */
export const translationRequest = z.looseObject({
  file: z.string().meta({ format: 'binary' }).optional().describe('The recording; it must be there.'),
  model,
  prompt,
  response_format: z.enum(['json', 'text', 'srt', 'verbose_json', 'vtt']).optional(),
  temperature,
})

const usage = z.looseObject({
  type: z.enum(['tokens', 'duration']),
  seconds: z.number().optional(),
  input_tokens: z.number().optional(),
  output_tokens: z.number().optional(),
  total_tokens: z.number().optional(),
})

/** Body of a transcript that is JSON. */
export const transcript = z.looseObject({
  text: z.string(),
  task: z.string().optional(),
  language: z.string().optional(),
  duration: z.number().optional(),
  segments: z
    .array(z.looseObject({ start: z.number(), end: z.number(), text: z.string(), speaker: z.string().optional() }))
    .optional(),
  words: z.array(z.looseObject({ word: z.string(), start: z.number(), end: z.number() })).optional(),
  usage: usage.optional(),
})

/** A transcript as an upstream sends it: nothing is certain. */
export interface WireTranscript {
  readonly text?: unknown
  readonly model?: unknown
  readonly language?: unknown
  readonly duration?: unknown
  readonly segments?: readonly (WireTranscriptSegment | null)[] | null
  readonly words?:
    | readonly ({ readonly word?: unknown; readonly start?: unknown; readonly end?: unknown } | null)[]
    | null
  readonly usage?: WireTranscriptUsage | null
  readonly error?: unknown
}

/** One segment of it. */
export interface WireTranscriptSegment {
  readonly id?: unknown
  readonly start?: unknown
  readonly end?: unknown
  readonly text?: unknown
  readonly speaker?: unknown
  readonly speaker_id?: unknown
}

/** Its usage: in seconds (`type: duration`), in tokens (`type: tokens`), or as chat completions have it, with seconds beside. */
export interface WireTranscriptUsage {
  readonly seconds?: unknown
  readonly prompt_audio_seconds?: unknown
  readonly input_tokens?: unknown
  readonly input_token_details?: { readonly audio_tokens?: unknown } | null
  readonly output_tokens?: unknown
  readonly prompt_tokens?: unknown
}
