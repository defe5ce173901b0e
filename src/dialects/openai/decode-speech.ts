import type { SynthesizeRequest } from '#gen/switchyard/v1/audio_pb.ts'
import { fail } from '../../error/index.ts'
import { sourceOf } from '../../model/request.ts'
import type { JsonBody } from '../contract.ts'
import { emptySpeechRequest } from '../speech.ts'
import { checkNoting } from '../untranslated.ts'
import { speechRequest } from './speech-types.ts'

/**
 * Reads a request for speech. What the contract has no field for stays in `source`, and its names in `source.untranslated`. Throws
 * `invalid_request`, naming the field, and `unsupported_field` for sound inside of events.
 */
export function decodeSpeech(body: JsonBody): SynthesizeRequest {
  const { wire, untranslated } = checkNoting(speechRequest, body.value)
  if (wire.stream_format === 'sse') {
    const message = 'stream_format: speech is streamed as sound, not as events'
    throw fail('unsupported_field', message, { param: 'stream_format' })
  }
  const request = emptySpeechRequest(wire.model, wire.input)
  request.voice = typeof wire.voice === 'string' ? wire.voice : wire.voice.id
  if (wire.response_format != null) request.format = wire.response_format
  if (wire.speed != null) request.speed = wire.speed
  if (wire.instructions != null) request.instructions = wire.instructions
  request.source = sourceOf('openai', body.text, untranslated)
  return request
}
