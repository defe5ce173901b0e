import type { OperationRoute } from '../contract.ts'
import { speechAnswer, speechMediaTypes } from '../speech.ts'
import { decodeSpeech } from './decode-speech.ts'
import { speechRequest } from './speech-types.ts'

/** `POST /v1/audio/speech`. */
export const speechRoute: OperationRoute = {
  path: '/v1/audio/speech',
  summary: 'Speech, as sound that is streamed as it comes',
  operation: 'synthesize',
  request: speechRequest,
  produces: speechMediaTypes,
  decode(body) {
    const request = decodeSpeech(body)
    return { operation: 'synthesize', request, streaming: true, answer: speechAnswer(request.format) }
  },
}
