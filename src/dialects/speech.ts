import { Buffer } from 'node:buffer'
import type { SynthesizeEvent, SynthesizeRequest } from '#gen/switchyard/v1/audio_pb.ts'
import { fail } from '../error/index.ts'
import type { StreamedAnswer } from './operation.ts'

const mediaTypes = {
  mp3: 'audio/mpeg',
  opus: 'audio/opus',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pcm: 'audio/pcm',
} as const

/** A format that speech can be asked for in. */
export type SpeechFormat = keyof typeof mediaTypes

/** The formats that speech can be asked for in. */
export const speechFormats = Object.keys(mediaTypes) as [SpeechFormat, ...SpeechFormat[]]

/** The media types that speech comes in. */
export const speechMediaTypes: readonly string[] = Object.values(mediaTypes)

/** The media type of speech in a format; undefined for no format, or one that nobody here knows. */
export function speechMediaType(format: string | undefined): string | undefined {
  return speechFormats.includes(format as SpeechFormat) ? mediaTypes[format as SpeechFormat] : undefined
}

/** A request for speech that asks nothing yet but of a model. */
export function emptySpeechRequest(model: string, input: string): SynthesizeRequest {
  return { $typeName: 'switchyard.v1.SynthesizeRequest', model, provider: '', input, voice: '', strict: false }
}

/** The format to answer in, of those a provider has; the first where none is asked for. Throws `unsupported_field` for another. */
export function formatAmong<Format extends SpeechFormat>(
  { format }: SynthesizeRequest,
  formats: readonly [Format, ...Format[]],
): Format {
  if (format === undefined) return formats[0]
  const found = formats.find((one) => one === format)
  if (found !== undefined) return found
  const message = `response_format: the provider of this model speaks ${formats.join(' or ')}, not ${format}`
  throw fail('unsupported_field', message, { param: 'response_format' })
}

/** What an upstream may call sound; any other type would be shown as what it says. */
const sound = /^(?:audio\/[\w.+-]{1,64}|application\/(?:ogg|octet-stream))(?:\s*;\s*[\w.-]+=[\w."+-]+)*$/i

/**
 * Writes speech: the sound alone, as it comes. Its type is what the provider calls it, else that of the format that was asked for. Of
 * sound that breaks off nothing can be said, so the connection is cut.
 */
export function speechAnswer(format: string | undefined): StreamedAnswer<'synthesize'> {
  return {
    contentTypeOf(first) {
      const told = first.find(({ event }) => event.case === 'started')?.event
      const mediaType = told?.case === 'started' ? told.value.mediaType : ''
      const usual = speechMediaType(format)
      const vague = !sound.test(mediaType) || mediaType.includes('octet-stream')
      return vague ? (usual ?? 'application/octet-stream') : mediaType
    },
    events(batch) {
      const pieces = batch.flatMap(soundIn)
      const [only = new Uint8Array()] = pieces
      return pieces.length > 1 ? Buffer.concat(pieces) : only
    },
    end: () => '',
    fail: () => undefined,
  }
}

function soundIn({ event }: SynthesizeEvent): Uint8Array[] {
  return event.case === 'audio' ? [event.value] : []
}
