import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import type { Carriage, InlineMedia, LinkedMedia } from '../contract.ts'
import type { BlockOptions } from './encode-blocks.ts'
import { encodeSource } from './encode-source.ts'

/** What is read by URL: images, and documents that are no text. */
const linked = /^(?:$|image\/|application\/pdf$)/

/** The vendor reads https URLs of images and PDFs, and is sent the bytes of others. There is no sound. */
export function carries({ kind, url, mediaType }: LinkedMedia, { readsUrls }: BlockOptions): Carriage | undefined {
  if (kind === 'audio') return undefined
  return readsUrls && /^https:/i.test(url) && (kind === 'image' || linked.test(mediaType)) ? 'url' : 'bytes'
}

/** The client's own body with bytes in the place of URLs of its blocks, those in answers of tools too. */
export function inlineMedia(body: string, media: ReadonlyMap<string, InlineMedia>): string {
  const value = JSON.parse(body) as JsonObject
  const { messages } = value
  if (!Array.isArray(messages)) return body
  for (const message of messages) if (isObject(message)) inlineContent(message, media)
  return JSON.stringify(value)
}

/** In place: the blocks of a message, or of what a tool answered. */
function inlineContent(holder: JsonObject, media: ReadonlyMap<string, InlineMedia>): void {
  const { content } = holder
  if (!Array.isArray(content)) return
  for (const block of content) {
    if (!isObject(block)) continue
    inlineContent(block, media)
    const { source } = block
    if (!isObject(source) || source['type'] !== 'url' || typeof source['url'] !== 'string') continue
    const found = media.get(source['url'])
    const inline = found && encodeSource(found.data, found.mediaType)
    if (inline !== undefined) block['source'] = inline
  }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
