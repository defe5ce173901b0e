import { fail } from '../../error/index.ts'
import type { JsonBody } from '../contract.ts'
import { decodeTranscriptionFields } from '../openai/decode-transcription.ts'
import { transcriptionAsk } from '../openai/transcriptions.ts'
import type { AskOf } from '../operation.ts'
import { decodeBase64 } from '../parts.ts'
import { checkRecording } from '../recording.ts'
import { textOf } from '../scalars.ts'

/**
 * Reads arguments that are those of a transcription, but for the recording: `file` or `audio` as base64, beside it `file_name` and
 * `media_type` where they are known. Throws `invalid_request` and `unsupported_media_type`, naming the field.
 */
export function decodeRecording({ value }: JsonBody): AskOf<'transcribe'> {
  const { file, audio, file_name: fileName, media_type: mediaType, stream: _, ...fields } = value
  const path = file == null ? 'audio' : 'file'
  const text = file ?? audio
  if (typeof text !== 'string') throw fail('invalid_request', `${path}: expected base64`, { param: path })
  const decoded = decodeTranscriptionFields(fields, false)
  const recording = { audio: decodeBase64(text, path), fileName: textOf(fileName), mediaType: textOf(mediaType) }
  Object.assign(decoded.request, checkRecording(recording, path))
  return transcriptionAsk(decoded)
}
