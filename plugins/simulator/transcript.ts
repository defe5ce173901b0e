import { soundOf, type TranscribeInit, type TranscribeRequest, usage } from '#provider'

/** Bytes of a second of sound of which nobody says how long it is. */
const bytesPerSecond = 16_000

/**
 * What is said in a recording, as far as it can be heard without listening: how long it is and of which format. The words are spread
 * evenly over its time.
 */
export function transcriptOf(request: TranscribeRequest, dropped: readonly string[]): TranscribeInit {
  const { audio, mediaType, translate, speakers, timestamps } = request
  const sound = soundOf(audio)
  const durationSeconds = sound.seconds ?? audio.length / bytesPerSecond
  const format = sound.mediaType ?? (mediaType === '' ? 'something' : mediaType)
  const length = `${rounded(durationSeconds)} seconds of ${format}`
  const text = translate ? `[simulated] In English, I heard ${length}.` : `[simulated] I heard ${length}.`
  const words = text.split(' ')
  const at = (index: number): number => rounded((durationSeconds * index) / words.length)
  return {
    model: request.model,
    text,
    language: translate ? 'english' : (request.language ?? 'english'),
    durationSeconds,
    segments:
      timestamps.includes('segment') || speakers
        ? [{ id: 0, start: 0, end: rounded(durationSeconds), text, speaker: speakers ? 'A' : '' }]
        : [],
    words: timestamps.includes('word')
      ? words.map((word, index) => ({ word, start: at(index), end: at(index + 1) }))
      : [],
    usage: usage({ audioSeconds: durationSeconds }),
    dropped: [...dropped],
  }
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
