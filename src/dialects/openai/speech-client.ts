import type { SynthesizeRequest } from '#gen/switchyard/v1/audio_pb.ts'
import type { EncodedCall, SpeechDialect } from '../client-operations.ts'
import { replaceModel } from '../json.ts'
import { leaveOut } from './leave-out.ts'

/** What differs between vendors in how they speak. */
export interface SpeechOptions {
  /** Fields the vendor has not: left out, and named as dropped. */
  readonly speechRefuses?: readonly string[]
}

/** How an upstream of OpenAI's `audio/speech` is asked for speech. */
export const speech: SpeechDialect<SpeechOptions> = { encode }

const path = '/audio/speech'

/**
 * Writes a request for speech. One that came in this dialect goes out as the client wrote it, with only the model replaced and without
 * what the vendor has not.
 */
function encode(request: SynthesizeRequest, { speechRefuses = [] }: SpeechOptions): EncodedCall {
  const { source } = request
  const passThrough = source?.dialect === 'openai'
  const whole = passThrough ? replaceModel(source.body, request.model) : translated(request)
  const { body, dropped } = leaveOut(whole, speechRefuses)
  const untranslated = passThrough ? [] : (source?.untranslated ?? [])
  return { path, body, dropped: [...untranslated, ...dropped], passThrough }
}

function translated({ model, input, voice, format, speed, instructions }: SynthesizeRequest): string {
  const named = voice === '' ? {} : { voice: voiceOf(voice) }
  return JSON.stringify({ model, input, ...named, response_format: format, speed, instructions })
}

/** Voices of the account's own are named by an object with their id. */
function voiceOf(voice: string): string | object {
  return voice.startsWith('voice_') ? { id: voice } : voice
}
