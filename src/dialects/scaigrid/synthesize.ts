import { z } from 'zod'
import { sourceOf } from '../../model/request.ts'
import type { OperationRoute } from '../contract.ts'
import { speechRequest } from '../openai/speech-types.ts'
import { emptySpeechRequest, speechAnswer, speechMediaTypes } from '../speech.ts'
import { checkNoting } from '../untranslated.ts'

const { model, input, response_format, speed } = speechRequest.shape

/** Body of `POST /v1/inference/audio/synthesize`. */
const synthesizeRequest = z.looseObject({ model, input, voice: z.string().nullish(), response_format, speed })

/** `POST /v1/inference/audio/synthesize`: the sound alone, without the envelope. */
export const synthesize: OperationRoute = {
  path: '/v1/inference/audio/synthesize',
  summary: 'Speech, as sound that is streamed as it comes',
  operation: 'synthesize',
  request: synthesizeRequest,
  produces: speechMediaTypes,
  decode(body) {
    const { wire, untranslated } = checkNoting(synthesizeRequest, body.value)
    const request = emptySpeechRequest(wire.model, wire.input)
    request.voice = wire.voice ?? ''
    if (wire.response_format != null) request.format = wire.response_format
    if (wire.speed != null) request.speed = wire.speed
    request.source = sourceOf('scaigrid', body.text, untranslated)
    return { operation: 'synthesize', request, streaming: true, answer: speechAnswer(request.format) }
  },
}
