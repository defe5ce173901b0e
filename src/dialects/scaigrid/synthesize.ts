import { z } from 'zod'
import type { OperationRoute } from '../contract.ts'
import { speechRequest } from '../openai/speech-types.ts'
import { emptySpeechRequest, speechAnswer, speechMediaTypes } from '../speech.ts'
import { noteUnknown } from '../untranslated.ts'
import { check } from '../validate.ts'

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
    const wire = check(synthesizeRequest, body.value)
    const untranslated: string[] = []
    noteUnknown(wire, synthesizeRequest.shape, '', untranslated)
    const request = emptySpeechRequest(wire.model, wire.input)
    request.voice = wire.voice ?? ''
    if (wire.response_format != null) request.format = wire.response_format
    if (wire.speed != null) request.speed = wire.speed
    const source = { dialect: 'scaigrid', body: body.text, untranslated, headers: {} }
    request.source = { $typeName: 'switchyard.v1.Source', ...source }
    return { operation: 'synthesize', request, streaming: true, answer: speechAnswer(request.format) }
  },
}
