import type { JsonObject } from '@bufbuild/protobuf'
import { z } from 'zod'
import type { TranscribeResponse } from '#gen/switchyard/v1/audio_pb.ts'
import { sourceOf } from '../../model/request.ts'
import { soundOf } from '../../model/sound.ts'
import type { OperationRoute } from '../contract.ts'
import { type Form, numberIn } from '../form.ts'
import type { AskOf, Served } from '../operation.ts'
import { decodeBase64 } from '../parts.ts'
import { checkRecording, emptyTranscribeRequest, recordingIn } from '../recording.ts'
import { checkNoting } from '../untranslated.ts'
import { check } from '../validate.ts'
import { requireModel } from './decode-request.ts'
import { envelope } from './types.ts'

const text = z.string().nullish()

/** Body of `POST /api/v1/inference/transcribe`, and its form, which has a `file` instead of `audio`. */
const transcribeRequest = z.looseObject({
  model: z.string().max(512).nullish().describe("default: the provider's"),
  providerId: z.string().max(256).nullish().describe('id or name of a provider'),
  audio: text.describe('the recording as base64; in a form it is the file `file`'),
  file: z.string().meta({ format: 'binary' }).nullish(),
  fileName: text,
  mediaType: text,
  language: text.describe('ISO 639-1'),
  prompt: text,
  temperature: z.number().min(0).max(1).nullish(),
  timestamps: z.array(z.enum(['segment', 'word'])).nullish(),
})

const timed = { start: z.number(), end: z.number() }

const transcribeAnswer = envelope(
  z.object({
    text: z.string(),
    model: z.string(),
    language: z.string().optional(),
    durationSeconds: z.number().optional(),
    segments: z.array(z.object({ ...timed, text: z.string(), speaker: z.string().optional() })).optional(),
    words: z.array(z.object({ ...timed, word: z.string() })).optional(),
    usage: z
      .object({ inputTokens: z.number(), outputTokens: z.number(), audioSeconds: z.number().optional() })
      .optional(),
    requestId: z.string(),
  }),
)

type TranscribeAsk = AskOf<'transcribe'> & { readonly streaming: false }

/** Reads everything but the recording. */
function askOf(fields: JsonObject): TranscribeAsk {
  requireModel(fields)
  const { wire, untranslated } = checkNoting(transcribeRequest, fields)
  const request = emptyTranscribeRequest(wire.model ?? '', wire.providerId ?? '')
  if (wire.language != null) request.language = wire.language
  if (wire.prompt != null) request.prompt = wire.prompt
  if (wire.temperature != null) request.temperature = wire.temperature
  request.timestamps = [...(wire.timestamps ?? [])]
  request.source = sourceOf('platform', '', untranslated)
  const whole = (response: TranscribeResponse, served: Served): string =>
    JSON.stringify({ success: true, data: dataOf(response, served, soundOf(request.audio).seconds) })
  return { operation: 'transcribe', request, streaming: false, answer: { whole } }
}

function fromJson(fields: JsonObject): TranscribeAsk {
  const ask = askOf(fields)
  const { audio, fileName, mediaType } = check(transcribeRequest.required({ audio: true }), fields)
  const recording = {
    audio: decodeBase64(audio ?? '', 'audio'),
    fileName: fileName ?? '',
    mediaType: mediaType ?? '',
  }
  Object.assign(ask.request, checkRecording(recording, 'audio'))
  return ask
}

async function fromForm(form: Form): Promise<TranscribeAsk> {
  const ask = askOf(fieldsOf(form))
  Object.assign(ask.request, await recordingIn(form, 'file'))
  return ask
}

/** The fields of a form, the numbers and lists among them as JSON has them. */
function fieldsOf({ fields }: Form): JsonObject {
  const typed = [...fields].map(([name, value]) => {
    if (typeof value !== 'string') return [name, [...value]] as const
    if (name === 'temperature') return [name, numberIn(value)] as const
    return [name, name === 'timestamps' ? [value] : value] as const
  })
  return Object.fromEntries(typed) as JsonObject
}

function dataOf(response: TranscribeResponse, served: Served, known: number | undefined): object {
  const { usage, language, segments, words } = response
  const durationSeconds = response.durationSeconds || known
  return {
    text: response.text,
    model: served.alias,
    ...(language !== '' && { language }),
    ...(durationSeconds !== undefined && { durationSeconds }),
    ...(segments.length > 0 && {
      segments: segments.map(({ start, end, text: said, speaker }) => ({
        start,
        end,
        text: said,
        ...(speaker !== '' && { speaker }),
      })),
    }),
    ...(words.length > 0 && { words: words.map(({ word, start, end }) => ({ word, start, end })) }),
    ...(usage !== undefined && {
      usage: {
        inputTokens: usage.inputTokens,
        outputTokens: usage.outputTokens,
        ...(usage.audioSeconds > 0 && { audioSeconds: usage.audioSeconds }),
      },
    }),
    requestId: served.requestId,
  }
}

/** Writes speech down: of a JSON body with base64, and of a form with a file. */
export const transcribe: OperationRoute = {
  path: '/api/v1/inference/transcribe',
  summary: 'Speech written down',
  operation: 'transcribe',
  request: transcribeRequest,
  response: transcribeAnswer,
  decode: ({ value }) => fromJson(value),
  form: { files: ['file'], alone: false, decode: fromForm },
}
