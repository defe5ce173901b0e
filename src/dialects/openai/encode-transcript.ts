import type { TranscribeResponse, TranscriptSegment } from '#gen/switchyard/v1/audio_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { GatewayError } from '../../error/index.ts'
import { type Cue, writeSrt, writeVtt } from '../../model/subtitles.ts'
import type { Payload, StreamedAnswer, WholeAnswer } from '../operation.ts'
import { errorBody } from './errors.ts'
import type { TranscriptFormat } from './transcription-types.ts'

/** What a transcript is answered to. */
export interface TranscriptAsked {
  readonly format: TranscriptFormat
  readonly translate: boolean
  /** How long the recording plays, where that is known: the time of words that have none. */
  readonly seconds: number | undefined
}

/** Writes a transcript in the format that was asked for. What the upstream itself wrote in that format is handed on as it is. */
export function wholeTranscript(asked: TranscriptAsked): WholeAnswer<'transcribe'> {
  return {
    whole(response) {
      if (response.rawDialect === 'openai' && isOf(asked.format, response.raw)) return rawOf(response.raw, asked.format)
      return textOf(response, asked) ?? JSON.stringify(transcriptObject(response, asked))
    },
  }
}

/**
 * Writes a transcript as events, once it is whole: the segments where speakers are told, else the text as one delta, and the end with
 * its usage.
 */
export function streamedTranscript(asked: TranscriptAsked): StreamedAnswer<'transcribe'> {
  return {
    events: (batch) => batch.map((response) => eventsOf(response, asked)).join(''),
    end: () => '',
    fail: (error: GatewayError) => `data: ${errorBody(error)}\n\n`,
  }
}

const contentTypes = {
  text: 'text/plain; charset=utf-8',
  srt: 'application/x-subrip; charset=utf-8',
  vtt: 'text/vtt; charset=utf-8',
} as const

/** Content types of the formats that are not JSON. */
export const transcriptContentTypes: readonly string[] = Object.values(contentTypes)

/** Some upstreams answer in their one format, whichever is asked for. */
function isOf(format: TranscriptFormat, body: string): boolean {
  return /^\s*\{/.test(body) ? !(format in contentTypes) : format in contentTypes && body !== ''
}

function rawOf(body: string, format: TranscriptFormat): string | Payload {
  return format === 'text' || format === 'srt' || format === 'vtt' ? { body, contentType: contentTypes[format] } : body
}

/** A transcript in a format that is not JSON; undefined for one that is. */
export function textOf(response: TranscribeResponse, asked: TranscriptAsked): Payload | undefined {
  switch (asked.format) {
    case 'text':
      return { body: `${response.text}\n`, contentType: contentTypes.text }
    case 'srt':
      return { body: writeSrt(cuesOf(response, asked)), contentType: contentTypes.srt }
    case 'vtt':
      return { body: writeVtt(cuesOf(response, asked)), contentType: contentTypes.vtt }
    default:
      return undefined
  }
}

/** The segments; of a transcript without any, all of it for as long as the recording plays. */
function cuesOf({ segments, text, durationSeconds }: TranscribeResponse, { seconds = 0 }: TranscriptAsked): Cue[] {
  if (segments.length > 0 || text === '') return segments
  return [{ start: 0, end: durationSeconds || seconds, text, speaker: '' }]
}

/** A transcript in a format that is JSON. */
export function transcriptObject(response: TranscribeResponse, asked: TranscriptAsked): object {
  const spent = response.usage === undefined ? {} : { usage: transcriptUsage(response.usage) }
  const task = asked.translate ? 'translate' : 'transcribe'
  const { text, language, words } = response
  const duration = response.durationSeconds || asked.seconds || 0
  switch (asked.format) {
    case 'diarized_json':
      return { task, duration, text, segments: response.segments.map(spokenSegment), ...spent }
    case 'verbose_json':
      return {
        task,
        language,
        duration,
        text,
        ...(response.segments.length > 0 && { segments: response.segments.map(timedSegment) }),
        ...(words.length > 0 && { words: words.map(({ word, start, end }) => ({ word, start, end })) }),
        ...timedUsage(response.usage),
      }
    default:
      return { text, ...spent }
  }
}

/** A segment with who speaks. */
function spokenSegment({ id, start, end, text, speaker }: TranscriptSegment): object {
  return { type: 'transcript.text.segment', id: `seg_${id}`, start, end, text, speaker }
}

/** A segment with all that clients of this API rely on; what only the vendor's own model would know is zero. */
function timedSegment({ id, start, end, text, speaker }: TranscriptSegment): object {
  const unknown = { seek: 0, tokens: [], temperature: 0, avg_logprob: 0, compression_ratio: 0, no_speech_prob: 0 }
  return { id, start, end, text, ...unknown, ...(speaker !== '' && { speaker }) }
}

/** Usage in tokens where there are any, else in seconds. */
function transcriptUsage({ inputTokens, outputTokens, audioInputTokens, audioSeconds }: Usage): object {
  if (inputTokens === 0 && outputTokens === 0) return { type: 'duration', seconds: audioSeconds }
  return {
    type: 'tokens',
    input_tokens: inputTokens,
    input_token_details: { text_tokens: inputTokens - audioInputTokens, audio_tokens: audioInputTokens },
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  }
}

/** Usage in seconds, as this format has it for every model, with the tokens beside it where there are any. */
function timedUsage(usage: Usage | undefined): object {
  if (usage === undefined) return {}
  return { usage: { ...transcriptUsage(usage), type: 'duration', seconds: usage.audioSeconds } }
}

function eventsOf(response: TranscribeResponse, { format }: TranscriptAsked): string {
  const { text, segments, usage } = response
  // A stream of this API tells tokens and no time.
  const counted = usage !== undefined && usage.inputTokens + usage.outputTokens > 0
  const spent = counted ? { usage: transcriptUsage(usage) } : {}
  const said =
    format === 'diarized_json' && segments.length > 0
      ? segments.map(spokenSegment)
      : text === ''
        ? []
        : [{ type: 'transcript.text.delta', delta: text }]
  return [...said, { type: 'transcript.text.done', text, ...spent }]
    .map((event) => `data: ${JSON.stringify(event)}\n\n`)
    .join('')
}
