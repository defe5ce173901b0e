import { type TranscribeResponse, type TranscriptSegment, type TranscriptWord } from '#gen/switchyard/v1/audio_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { fail } from '../../error/index.ts'
import { readSubtitles } from '../../model/subtitles.ts'
import { tokenCount, usage } from '../../model/usage.ts'
import type { EncodedCall, UpstreamAnswer } from '../client-operations.ts'
import { countOf, isObject, numberOf, objectsOf, rawOf, textOf } from '../scalars.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { parseObject } from '../wire-object.ts'
import type { WireTranscript, WireTranscriptSegment, WireTranscriptUsage } from './transcription-types.ts'
import { usageOf } from './usage.ts'

/**
 * Reads what was said, in whichever format the upstream tells it. Throws the error that an upstream hid in a success, and
 * `provider_error` for an object that is no transcript, and for a page.
 */
export function decodeTranscript(
  { text, contentType }: UpstreamAnswer,
  { dropped, passThrough }: Pick<EncodedCall, 'dropped' | 'passThrough'>,
): TranscribeResponse {
  if (contentType.includes('html')) throw noTranscript()
  const read = contentType.includes('json') || /^\s*\{/.test(text) ? readObject(text) : readText(text)
  return {
    $typeName: 'switchyard.v1.TranscribeResponse',
    model: '',
    language: '',
    durationSeconds: 0,
    segments: [],
    words: [],
    ...read,
    dropped: [...dropped],
    raw: passThrough ? text : '',
    rawDialect: passThrough ? 'openai' : '',
    upstreamRequestId: '',
  }
}

function noTranscript(): Error {
  return fail('provider_error', "the provider's answer is not a transcript")
}

type Read = Partial<TranscribeResponse> & Pick<TranscribeResponse, 'text'>

function readObject(body: string): Read {
  const wire = parseObject(body, 'provider_error') as WireTranscript
  if (wire.error != null) throw upstreamError(problemOf(wire))
  if (typeof wire.text !== 'string') throw noTranscript()
  const segments = objectsOf(wire.segments).map(segmentOf)
  const durationSeconds = Math.max(0, numberOf(wire.duration))
  const spent = usageIn(wire.usage, durationSeconds)
  return {
    model: textOf(wire.model),
    text: wire.text,
    language: textOf(wire.language),
    durationSeconds,
    segments,
    words: objectsOf(wire.words).map(wordOf),
    ...(spent !== undefined && { usage: spent }),
  }
}

function segmentOf(wire: WireTranscriptSegment, index: number): TranscriptSegment {
  return {
    $typeName: 'switchyard.v1.TranscriptSegment',
    id: typeof wire.id === 'number' ? countOf(wire.id) : index,
    start: Math.max(0, numberOf(wire.start)),
    end: Math.max(0, numberOf(wire.end)),
    text: textOf(wire.text),
    speaker: textOf(wire.speaker ?? wire.speaker_id),
  }
}

function wordOf({ word, start, end }: NonNullable<NonNullable<WireTranscript['words']>[number]>): TranscriptWord {
  return {
    $typeName: 'switchyard.v1.TranscriptWord',
    word: textOf(word),
    start: Math.max(0, numberOf(start)),
    end: Math.max(0, numberOf(end)),
  }
}

/** Subtitles are told with their times, anything else is only what was said. */
function readText(body: string): Read {
  const isSubtitle = /^\uFEFF?(?:WEBVTT|\s*\d+\r?\n\d+:\d\d:\d\d,\d+ -->)/.test(body)
  const cues = isSubtitle ? readSubtitles(body) : []
  const segments = cues.map((cue, id): TranscriptSegment => ({
    $typeName: 'switchyard.v1.TranscriptSegment',
    id,
    ...cue,
  }))
  const text = isSubtitle ? cues.map((cue) => cue.text).join(' ') : body.trimEnd()
  return { text, segments, durationSeconds: cues.at(-1)?.end ?? 0 }
}

/**
 * Usage is told in seconds, in tokens, or in both; where only the length of the recording is told, it is what was used. Undefined where
 * nothing is.
 */
function usageIn(wire: WireTranscriptUsage | null | undefined, duration: number): Usage | undefined {
  const raw = isObject(wire) ? rawOf(wire) : undefined
  const seconds = isObject(wire) ? numberOf(wire.seconds ?? wire.prompt_audio_seconds) : 0
  const audioSeconds = seconds > 0 ? seconds : duration
  if (isObject(wire) && typeof wire.prompt_tokens === 'number') {
    return { ...usageOf(wire), audioSeconds }
  }
  if (isObject(wire) && typeof wire.input_tokens === 'number') {
    const inputTokens = tokenCount(wire.input_tokens)
    return usage({
      inputTokens,
      outputTokens: tokenCount(wire.output_tokens),
      audioInputTokens: tokenCount(wire.input_token_details?.audio_tokens, inputTokens),
      audioSeconds,
      raw,
    })
  }
  return audioSeconds > 0 ? usage({ audioSeconds, ...(raw !== undefined && { raw }) }) : undefined
}
