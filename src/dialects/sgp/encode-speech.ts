import { Buffer } from 'node:buffer'
import type { SynthesizeEvent } from '#gen/switchyard/v1/audio_pb.ts'
import type { StreamedAnswer, WholeAnswer } from '../operation.ts'
import { encodeBase64 } from '../parts.ts'
import { chunkFrame, streamEnd, wholeAnswer } from './frames.ts'

/** Writes sound as JSON can hold it: all of it in one string of base64, beside its media type. */
export const wholeSpeech: WholeAnswer<'synthesize'> = {
  whole: (events) => wholeAnswer(JSON.stringify({ audio: encodeBase64(soundIn(events)), media_type: typeIn(events) })),
}

/** Writes sound as it comes, in the events that OpenAI's API has for speech in a stream of events. */
export const streamedSpeech: StreamedAnswer<'synthesize'> = {
  events(batch) {
    const sound = soundIn(batch)
    const delta = { type: 'speech.audio.delta', audio: encodeBase64(sound) }
    return (sound.length === 0 ? '' : chunkFrame(JSON.stringify(delta))) + batch.map(doneFrame).join('')
  },
  ...streamEnd,
}

/** The usage, which is the last event of all speech. */
function doneFrame({ event }: SynthesizeEvent): string {
  if (event.case !== 'usage') return ''
  const { inputTokens, outputTokens } = event.value
  const usage = { input_tokens: inputTokens, output_tokens: outputTokens, total_tokens: inputTokens + outputTokens }
  return chunkFrame(JSON.stringify({ type: 'speech.audio.done', usage }))
}

function soundIn(events: readonly SynthesizeEvent[]): Uint8Array {
  return Buffer.concat(events.flatMap(({ event }) => (event.case === 'audio' ? [event.value] : [])))
}

function typeIn(events: readonly SynthesizeEvent[]): string {
  const started = events.find(({ event }) => event.case === 'started')?.event
  return started?.case === 'started' ? started.value.mediaType : ''
}
