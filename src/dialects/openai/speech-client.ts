import type { SynthesizeRequest } from '#gen/switchyard/v1/audio_pb.ts'
import type { EncodedCall, SpeechDialect } from '../client-operations.ts'
import { replaceModel } from '../json.ts'

/** What differs between vendors in how they speak. */
export interface SpeechOptions {
  /** Fields the vendor refuses: left out of translated requests, and named as dropped. */
  readonly speechRefuses?: readonly string[]
}

/** How an upstream of OpenAI's `audio/speech` is asked for speech. */
export const speech: SpeechDialect<SpeechOptions> = { encode }

const path = '/audio/speech'

/** Writes a request for speech. One that came in this dialect goes out as the client wrote it, with only the model replaced. */
function encode(request: SynthesizeRequest, { speechRefuses = [] }: SpeechOptions): EncodedCall {
  const { source, model, input, voice, format, speed, instructions } = request
  if (source?.dialect === 'openai')
    return { path, body: replaceModel(source.body, model), dropped: [], passThrough: true }
  const dropped = [...(source?.untranslated ?? [])]
  const fields: Record<string, unknown> = {
    model,
    input,
    ...(voice !== '' && { voice: voiceOf(voice) }),
    response_format: format,
    speed,
    instructions,
  }
  for (const name of speechRefuses) {
    if (fields[name] === undefined) continue
    delete fields[name]
    dropped.push(name)
  }
  return { path, body: JSON.stringify(fields), dropped, passThrough: false }
}

/** Voices of the account's own are named by an object with their id. */
function voiceOf(voice: string): string | object {
  return voice.startsWith('voice_') ? { id: voice } : voice
}
