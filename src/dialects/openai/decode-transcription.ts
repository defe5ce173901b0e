import type { JsonObject } from '@bufbuild/protobuf'
import type { TranscribeRequest } from '#gen/switchyard/v1/audio_pb.ts'
import { fail } from '../../error/index.ts'
import { sourceOf } from '../../model/request.ts'
import { type Form, numberIn } from '../form.ts'
import { emptyTranscribeRequest, recordingIn } from '../recording.ts'
import { noteUnknown } from '../untranslated.ts'
import { check } from '../validate.ts'
import { type TranscriptFormat, transcriptionRequest, translationRequest } from './transcription-types.ts'

/** A question about speech in the contract's terms, and how it is to be answered. */
export interface DecodedTranscription {
  readonly request: TranscribeRequest
  readonly format: TranscriptFormat
  readonly streaming: boolean
}

/** Reads a form with a recording. Throws `invalid_request`, naming the field, and `unsupported_media_type`. */
export async function decodeTranscriptionForm(form: Form, translate: boolean): Promise<DecodedTranscription> {
  const decoded = decodeTranscriptionFields(fieldsOf(form), translate)
  Object.assign(decoded.request, await recordingIn(form, 'file'))
  return decoded
}

/**
 * Reads what is asked of a recording, which is not among the fields. What the contract has no field for stays in `source`, and its names
 * in `source.untranslated`. Throws `invalid_request`, naming the field.
 */
export function decodeTranscriptionFields(fields: JsonObject, translate: boolean): DecodedTranscription {
  const schema = translate ? translationRequest : transcriptionRequest
  const wire = check<Wire>(schema as never, fields)
  const format = wire.response_format ?? 'json'
  const streaming = wire.stream === true
  if (streaming && format !== 'json' && format !== 'diarized_json')
    throw fail('invalid_request', 'stream: only json and diarized_json can be streamed', { param: 'stream' })
  const request = emptyTranscribeRequest(wire.model)
  request.translate = translate
  request.timestamps = timestampsOf(format, wire.timestamp_granularities)
  request.speakers = format === 'diarized_json'
  if (wire.language !== undefined) request.language = wire.language
  if (wire.prompt !== undefined) request.prompt = wire.prompt
  if (wire.temperature !== undefined) request.temperature = wire.temperature
  const untranslated: string[] = []
  noteUnknown(wire, schema.shape, '', untranslated)
  const body = JSON.stringify(fields)
  request.source = sourceOf('openai', body, untranslated)
  return { request, format, streaming }
}

/** What both forms have, checked. */
interface Wire {
  readonly model: string
  readonly language?: string
  readonly prompt?: string
  readonly response_format?: TranscriptFormat
  readonly temperature?: number
  readonly timestamp_granularities?: readonly ('segment' | 'word')[]
  readonly stream?: boolean
}

/** Subtitles are made of segments, and a transcript with times has them unless only words are asked for. */
function timestampsOf(format: TranscriptFormat, asked: Wire['timestamp_granularities']): string[] {
  const segments = format === 'srt' || format === 'vtt' || (format === 'verbose_json' && asked === undefined)
  return [...new Set([...(segments ? ['segment'] : []), ...(asked ?? [])])]
}

/** The fields of a form, the numbers and flags among them as JSON has them. */
export function fieldsOf({ fields }: Form): JsonObject {
  const typed = [...fields].map(([name, value]) => {
    if (typeof value !== 'string') return [name, [...value]] as const
    if (name === 'temperature') return [name, numberIn(value)] as const
    if (name === 'stream' && (value === 'true' || value === 'false')) return [name, value === 'true'] as const
    if (name === 'timestamp_granularities') return [name, [value]] as const
    return [name, value] as const
  })
  return Object.fromEntries(typed) as JsonObject
}
