import type { JsonObject } from '@bufbuild/protobuf'
import { z } from 'zod'
import type { TranscribeRequest, TranscribeResponse } from '#gen/switchyard/v1/audio_pb.ts'
import { sourceOf } from '../../model/request.ts'
import { soundOf } from '../../model/sound.ts'
import type { OperationRoute } from '../contract.ts'
import { decodeTranscriptionFields, fieldsOf } from '../openai/decode-transcription.ts'
import { textOf, transcriptContentTypes, transcriptObject } from '../openai/encode-transcript.ts'
import { transcript, translationRequest, transcriptionRequest } from '../openai/transcription-types.ts'
import type { AskOf, Payload, Served } from '../operation.ts'
import { recordingIn } from '../recording.ts'
import { noteUnknown } from '../untranslated.ts'
import { check } from '../validate.ts'
import { envelope, enveloped } from './envelope.ts'

const { model, language, prompt, temperature, timestamp_granularities } = transcriptionRequest.shape

/** The form of `POST /v1/inference/audio/transcribe`. */
const transcribeRequest = z.looseObject({
  file: z.string().meta({ format: 'binary' }).optional().describe('The recording; it must be there.'),
  model,
  language,
  temperature,
  prompt,
  response_format: translationRequest.shape.response_format,
  timestamp_granularities,
})

/** Body of a transcript that is JSON. */
const transcribeAnswer = enveloped(transcript)

function askOf(fields: JsonObject): AskOf<'transcribe'> & { readonly streaming: false } {
  const wire = check(transcribeRequest, fields)
  const { stream: _, ...known } = fields
  const { request, format } = decodeTranscriptionFields(known, false)
  const untranslated: string[] = []
  noteUnknown(fields, transcribeRequest.shape, '', untranslated)
  const body = JSON.stringify(fields)
  request.source = sourceOf('scaigrid', body, untranslated)
  request.model = wire.model
  const whole = (response: TranscribeResponse, served: Served): string | Payload => {
    const asked = { format, translate: false, seconds: soundOf(request.audio).seconds }
    const text = textOf(response, asked)
    if (text !== undefined) return text
    const data = transcriptObject(response, asked)
    return JSON.stringify(envelope(data, served.requestId))
  }
  return { operation: 'transcribe', request, streaming: false, answer: { whole } }
}

/** Writes speech down: JSON in the envelope, every other format as it is. */
export const transcribe: OperationRoute = {
  path: '/v1/inference/audio/transcribe',
  summary: 'Speech written down',
  operation: 'transcribe',
  request: transcribeRequest,
  response: transcribeAnswer,
  produces: transcriptContentTypes,
  decode: ({ value }) => askOf(value),
  form: {
    files: ['file'],
    alone: true,
    async decode(form) {
      const ask = askOf(fieldsOf(form))
      Object.assign(ask.request satisfies TranscribeRequest, await recordingIn(form, 'file'))
      return ask
    },
  },
}
