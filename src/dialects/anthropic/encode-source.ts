import type { JsonObject } from '@bufbuild/protobuf'
import { encodeBase64 } from '../parts.ts'

/** The `source` of a block that holds these bytes: an image or a PDF as base64, a text as text. Undefined for what there is no block of. */
export function encodeSource(data: Uint8Array, mediaType: string): JsonObject | undefined {
  if (mediaType.startsWith('image/')) return { type: 'base64', media_type: mediaType, data: encodeBase64(data) }
  if (mediaType.startsWith('text/') || mediaType === 'application/json')
    return { type: 'text', media_type: 'text/plain', data: new TextDecoder().decode(data) }
  if (mediaType !== 'application/pdf' && mediaType !== '') return undefined
  return { type: 'base64', media_type: 'application/pdf', data: encodeBase64(data) }
}
