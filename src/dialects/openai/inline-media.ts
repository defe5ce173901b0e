import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import type { Carriage, InlineMedia, LinkedMedia } from '../contract.ts'
import { encodeBase64, toDataUrl } from '../parts.ts'
import { audioFormat } from './audio-format.ts'
import type { MessageOptions } from './encode-messages.ts'

/** What the format's own vendor reads by URL: images, but neither sound nor files. */
const usuallyLinked: NonNullable<MessageOptions['linked']> = ['image']

/** What the vendor does not read by URL is sent as bytes; but an image may be at a place of the vendor's own. */
export function carries({ kind, url }: LinkedMedia, { linked = usuallyLinked }: MessageOptions): Carriage {
  return linked.includes(kind) || (kind === 'image' && !/^https?:/i.test(url)) ? 'url' : 'bytes'
}

/** The client's own body with bytes in the place of URLs of its parts. */
export function inlineMedia(body: string, media: ReadonlyMap<string, InlineMedia>): string {
  const value = JSON.parse(body) as JsonObject
  const { messages } = value
  if (!Array.isArray(messages)) return body
  for (const message of messages) {
    if (!isObject(message) || !Array.isArray(message['content'])) continue
    message['content'] = message['content'].map((part) => (isObject(part) ? inlinePart(part, media) : part))
  }
  return JSON.stringify(value)
}

function inlinePart(part: JsonObject, media: ReadonlyMap<string, InlineMedia>): JsonObject {
  const of = (url: JsonValue | undefined): InlineMedia | undefined =>
    typeof url === 'string' ? media.get(url) : undefined
  const { type, image_url: image, input_audio: audio, file } = part
  if (type === 'image_url') {
    const found = of(isObject(image) ? image['url'] : image)
    if (found === undefined) return part
    const url = toDataUrl(found.data, found.mediaType)
    return { ...part, image_url: isObject(image) ? { ...image, url } : url }
  }
  if (type === 'input_audio') {
    const found = of(audio)
    if (found === undefined) return part
    return { ...part, input_audio: { data: encodeBase64(found.data), format: audioFormat(found.mediaType) } }
  }
  const found = type === 'file' && isObject(file) ? of(file['file_data']) : undefined
  if (found === undefined || !isObject(file)) return part
  return { ...part, file: { ...file, file_data: toDataUrl(found.data, found.mediaType) } }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
