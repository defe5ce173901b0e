import type { TranscribeRequest, TranscribeResponse } from '#gen/switchyard/v1/audio_pb.ts'
import { fail } from '../../error/index.ts'
import { soundOf } from '../../model/sound.ts'
import type { EncodedCall, WholeDialect } from '../client-operations.ts'
import { encodeForm } from '../form.ts'
import { isNamed } from '../model-names.ts'
import { textOf } from '../scalars.ts'
import { decodeTranscript } from './decode-transcript.ts'

/** What differs between vendors in how they write down speech. */
export interface TranscriptionOptions {
  /** Models that tell times in `verbose_json`: names, or prefixes ending in `*`. */
  readonly timedTranscripts?: readonly string[]
  /** Models that have neither times nor formats beside `json`: names, or prefixes ending in `*`. */
  readonly plainTranscripts?: readonly string[]
  /** False where the vendor's `json` tells no usage, so that its times are asked for to count it. */
  readonly plainUsage?: boolean
  /** False where the vendor has one format for all, with whatever is asked for in it. */
  readonly transcriptFormats?: boolean
  /** The field that asks who speaks, where that is not a format; it is told of segments, so that their times are asked for as well. */
  readonly speakersField?: string
  /** False where the vendor tells no times of speech whose language it is told. */
  readonly timesOfLanguage?: boolean
  /** Fields the vendor refuses. */
  readonly transcriptRefuses?: readonly string[]
  /** False where speech is written down only in its own language. */
  readonly translates?: boolean
}

type Fields = Record<string, unknown>

/** How speech is written down by an upstream of OpenAI's `audio/transcriptions` and `audio/translations`. */
export const transcription: WholeDialect<'transcribe', TranscriptionOptions> = {
  encode,
  decode: (answer, encoded): TranscribeResponse => decodeTranscript(answer, encoded),
}

/**
 * Writes a form with the recording in it. The format that is asked for is one from which everything can be made that the client wants;
 * where it is the very one that an OpenAI client asked for, the answer is passed through.
 */
function encode(request: TranscribeRequest, options: TranscriptionOptions): EncodedCall {
  if (request.translate && options.translates === false)
    throw fail('unsupported_operation', 'the provider of this model writes speech down only in its own language')
  const source = request.source?.dialect === 'openai' ? request.source : undefined
  const own = source === undefined ? undefined : (JSON.parse(source.body) as Fields)
  const wanted = own === undefined ? undefined : textOf(own['response_format']) || 'json'
  const dropped = source === undefined ? [...(request.source?.untranslated ?? [])] : []
  const format = formatOf(request, wanted, options, dropped)
  const passThrough = wanted !== undefined && wanted === (format ?? 'json')
  const isRewritten = !passThrough || dropped.includes('timestamps')
  const fields: Fields = {
    ...(own === undefined ? translated(request, dropped) : own),
    model: request.model,
    response_format: format,
    stream: undefined,
    ...(isRewritten && { timestamp_granularities: timesOf(request, format, options, dropped) }),
    ...speakersOf(request, own, format, options),
  }
  const isTimed = options.timesOfLanguage === false && fields['timestamp_granularities'] != null
  for (const field of [...(options.transcriptRefuses ?? []), ...(isTimed ? ['language'] : [])]) {
    if (fields[field] == null) continue
    delete fields[field]
    dropped.push(field)
  }
  const { contentType, body } = encodeForm(fields, { field: 'file', ...fileOf(request) })
  return {
    path: request.translate ? '/audio/translations' : '/audio/transcriptions',
    body,
    headers: { 'content-type': contentType },
    dropped,
    passThrough,
  }
}

/** Who wants English is not asked which language is spoken. */
function translated({ language, prompt, temperature, translate }: TranscribeRequest, dropped: string[]): Fields {
  if (!translate) return { language, prompt, temperature }
  if (language !== undefined) dropped.push('language')
  return { prompt, temperature }
}

/** The format to ask for; undefined where the vendor has only one. */
function formatOf(
  request: TranscribeRequest,
  wanted: string | undefined,
  options: TranscriptionOptions,
  dropped: string[],
): string | undefined {
  if (options.transcriptFormats === false) return undefined
  const { model, timestamps, speakers } = request
  if (speakers && !isNamed(model, options.timedTranscripts)) return 'diarized_json'
  if (speakers) dropped.push('speakers')
  if (isNamed(model, options.plainTranscripts)) {
    if (timestamps.length > 0) dropped.push('timestamps')
    return 'json'
  }
  const timed = timestamps.length > 0 || options.plainUsage === false || wanted !== 'json'
  if (isNamed(model, options.timedTranscripts)) return timed ? 'verbose_json' : 'json'
  return wanted ?? (timestamps.length > 0 ? 'verbose_json' : 'json')
}

/** Times are told in one format only, or where there is but one; what is said in English has those of its segments, unasked, and no others. */
function timesOf(
  { timestamps, speakers, translate }: TranscribeRequest,
  format: string | undefined,
  { speakersField }: TranscriptionOptions,
  dropped: string[],
): readonly string[] | undefined {
  const isTimed = format === undefined || format === 'verbose_json'
  const wanted = speakers && speakersField !== undefined ? [...new Set(['segment', ...timestamps])] : timestamps
  if (!isTimed || wanted.length === 0) return undefined
  if (translate && wanted.includes('word')) dropped.push('timestamps')
  return translate ? undefined : wanted
}

/** Models that tell speakers apart, and take recordings of more than half a minute only with a word on how to cut them. */
const cutting = /diarize/

function speakersOf(
  { speakers, model }: TranscribeRequest,
  own: Fields | undefined,
  format: string | undefined,
  { speakersField }: TranscriptionOptions,
): Fields {
  if (speakersField !== undefined) return speakers ? { [speakersField]: true } : {}
  const isCut = own === undefined && (format === 'diarized_json' || cutting.test(model))
  return isCut ? { chunking_strategy: 'auto' } : {}
}

const extensions: ReadonlyMap<string, string> = new Map([
  ['audio/wav', 'wav'],
  ['audio/x-wav', 'wav'],
  ['audio/wave', 'wav'],
  ['audio/mpeg', 'mp3'],
  ['audio/mp3', 'mp3'],
  ['audio/flac', 'flac'],
  ['audio/x-flac', 'flac'],
  ['audio/ogg', 'ogg'],
  ['audio/opus', 'ogg'],
  ['audio/webm', 'webm'],
  ['video/webm', 'webm'],
  ['audio/mp4', 'm4a'],
  ['audio/m4a', 'm4a'],
  ['audio/x-m4a', 'm4a'],
  ['video/mp4', 'mp4'],
])

/** The recording under a name by whose end upstreams know its format. */
function fileOf({ audio, fileName, mediaType }: TranscribeRequest) {
  const declared = mediaType === '' || mediaType === 'application/octet-stream' ? undefined : mediaType
  const type = declared ?? soundOf(audio).mediaType ?? 'application/octet-stream'
  const extension = extensions.get(type)
  const named = /\.[A-Za-z0-9]{2,5}$/.test(fileName) || extension === undefined
  const name = fileName === '' ? 'audio' : fileName
  return { name: named && fileName !== '' ? fileName : `${name}.${extension ?? 'mp3'}`, mediaType: type, bytes: audio }
}
