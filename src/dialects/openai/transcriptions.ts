import type { AskOf } from '../operation.ts'
import type { OperationRoute } from '../contract.ts'
import { soundOf } from '../../model/sound.ts'
import {
  type DecodedTranscription,
  decodeTranscriptionFields,
  decodeTranscriptionForm,
} from './decode-transcription.ts'
import { streamedTranscript, transcriptContentTypes, wholeTranscript } from './encode-transcript.ts'
import { transcript, transcriptionRequest, translationRequest } from './transcription-types.ts'

/** A question about speech, with how it is answered in OpenAI's words. */
export function transcriptionAsk({ request, format, streaming }: DecodedTranscription): AskOf<'transcribe'> {
  const { seconds } = soundOf(request.audio)
  const asked = { format, translate: request.translate, seconds }
  const operation = 'transcribe' as const
  if (streaming) return { operation, request, streaming, answer: streamedTranscript(asked) }
  return { operation, request, streaming, answer: wholeTranscript(asked) }
}

function route(path: string, summary: string, translate: boolean): OperationRoute {
  return {
    path,
    summary,
    operation: 'transcribe',
    request: translate ? translationRequest : transcriptionRequest,
    response: transcript,
    produces: [...transcriptContentTypes, ...(translate ? [] : ['text/event-stream'])],
    decode: ({ value }) => transcriptionAsk(decodeTranscriptionFields(value, translate)),
    form: {
      files: ['file'],
      alone: true,
      decode: async (form) => transcriptionAsk(await decodeTranscriptionForm(form, translate)),
    },
  }
}

/** The endpoints of OpenAI's API that write speech down. */
export const transcriptions: readonly OperationRoute[] = [
  route('/v1/audio/transcriptions', 'Speech written down', false),
  route('/v1/audio/translations', 'Speech written down in English', true),
]
