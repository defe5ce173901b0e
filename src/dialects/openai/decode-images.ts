import type { z } from 'zod'
import type { GenerateImagesRequest } from '#gen/switchyard/v1/image_pb.ts'
import { fail } from '../../error/index.ts'
import { sourceOf } from '../../model/request.ts'
import type { JsonBody } from '../contract.ts'
import { emptyImagesRequest } from '../pictures.ts'
import { checkNoting } from '../untranslated.ts'
import { imagesRequest } from './image-types.ts'

/** A request in the contract's terms, and whether its client wants links. */
export interface DecodedImages {
  /** Says nothing of links: a provider may have its own, and what it gives as bytes is kept here and linked to. */
  readonly request: GenerateImagesRequest
  readonly linked: boolean
}

/**
 * Reads a request for images, of a client of `dialect`. What the contract has no field for stays in `source`, and its names in
 * `source.untranslated`. Throws `invalid_request`, naming the field, and `unsupported_field` for a stream.
 */
export function decodeImages(body: JsonBody, dialect: string): DecodedImages {
  const { wire, untranslated } = checkNoting(imagesRequest, body.value)
  if (wire.stream === true)
    throw fail('unsupported_field', 'stream: images come whole, not as a stream', { param: 'stream' })
  const request = emptyImagesRequest(wire.model, wire.prompt)
  decodeImageOptions(wire, request)
  request.source = sourceOf(dialect, body.text, untranslated)
  return { request, linked: wire.response_format === 'url' }
}

type ImageOptionFields = Pick<
  z.infer<typeof imagesRequest>,
  | 'n'
  | 'size'
  | 'quality'
  | 'style'
  | 'background'
  | 'moderation'
  | 'output_format'
  | 'output_compression'
  | 'response_format'
  | 'user'
>

/** Takes over what is asked of the images beside what they are to show. */
export function decodeImageOptions(wire: ImageOptionFields, request: GenerateImagesRequest): void {
  if (wire.n != null) request.n = wire.n
  if (wire.size != null) request.size = wire.size
  if (wire.quality != null) request.quality = wire.quality
  if (wire.style != null) request.style = wire.style
  if (wire.background != null) request.background = wire.background
  if (wire.moderation != null) request.moderation = wire.moderation
  if (wire.output_format != null) request.outputFormat = wire.output_format
  if (wire.output_compression != null) request.outputCompression = wire.output_compression
  if (wire.response_format === 'b64_json') request.responseFormat = wire.response_format
  if (wire.user != null) request.user = wire.user
}
