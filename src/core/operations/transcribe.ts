import { TranscribeRequestSchema, TranscribeResponseSchema } from '#gen/switchyard/v1/audio_pb.ts'
import { soundOf } from '../../model/sound.ts'
import { wholeOperation } from './whole.ts'

/** What was said in a recording, or that in English. */
export const transcribe = wholeOperation({
  name: 'transcribe',
  verb: 'transcribe',
  slow: true,
  request: TranscribeRequestSchema,
  response: TranscribeResponseSchema,
  offeredBy: (provider) => provider.transcribe !== undefined,
  ask: (provider, request, context) => provider.transcribe?.(request, context),
  // Written as JSON a recording would be a third longer, only to be cut.
  kept: (request) => ({ ...request, audio: new Uint8Array(0) }),
  lengthOf: ({ prompt = '' }) => prompt.length,
  units({ audio }, { durationSeconds }) {
    const audioSeconds = durationSeconds > 0 ? durationSeconds : (soundOf(audio).seconds ?? 0)
    return audioSeconds > 0 ? { audioSeconds } : {}
  },
})
