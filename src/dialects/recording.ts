import type { TranscribeRequest } from '#gen/switchyard/v1/audio_pb.ts'
import { fail } from '../error/index.ts'
import { soundOf } from '../model/sound.ts'
import type { Form } from './form.ts'

/** A recording as a question has it. */
export type Recording = Pick<TranscribeRequest, 'audio' | 'fileName' | 'mediaType'>

/** A question about speech that asks nothing yet, and has no recording. */
export function emptyTranscribeRequest(model: string, provider = ''): TranscribeRequest {
  return {
    $typeName: 'switchyard.v1.TranscribeRequest',
    model,
    provider,
    audio: new Uint8Array(0),
    mediaType: '',
    fileName: '',
    translate: false,
    timestamps: [],
    speakers: false,
    strict: false,
  }
}

/** The recording in a form. Throws as {@link checkRecording} does, and `invalid_request` where there is none. */
export async function recordingIn(form: Form, part: string): Promise<Recording> {
  const file = form.files.get(part)
  if (file === undefined) throw fail('invalid_request', `${part} is required`, { param: part })
  const recording = { audio: await file.read(), fileName: file.name, mediaType: file.mediaType }
  return checkRecording(recording, part)
}

const extensions =
  /\.(?:3gp|aac|aif|aiff|amr|au|caf|flac|m4a|m4b|mka|mkv|mov|mp2|mp3|mp4|mpeg|mpg|mpga|oga|ogg|opus|wav|weba|webm|wma)$/i

/**
 * The recording, if it may be one: by its first bytes, its media type or the end of its name. One that says nothing is left to the provider.
 * Throws `invalid_request` for an empty one, `unsupported_media_type` for what is something else, naming `path`.
 */
export function checkRecording(recording: Recording, path: string): Recording {
  const { audio, fileName, mediaType } = recording
  if (audio.length === 0) throw fail('invalid_request', `${path} is empty`, { param: path })
  const sound = soundOf(audio)
  if (sound.mediaType !== undefined) return recording
  const declared = mediaType === '' || mediaType === 'application/octet-stream' ? undefined : mediaType
  const isDeclared = declared === undefined ? undefined : /^(?:audio|video)\/|^application\/ogg$/.test(declared)
  const isNamed = /\.[A-Za-z0-9]{1,5}$/.test(fileName) ? extensions.test(fileName) : undefined
  if (!sound.isOther && (isDeclared ?? isNamed ?? true)) return recording
  throw fail('unsupported_media_type', `${path} is not a recording of sound in a known format`, { param: path })
}
