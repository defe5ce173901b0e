import type { GenerateImagesRequest, GenerateImagesResponse } from '#gen/switchyard/v1/image_pb.ts'
import type { EncodedCall, UpstreamAnswer, WholeDialect } from '../client-operations.ts'
import { fail } from '../../error/index.ts'
import { replaceModel } from '../json.ts'
import { imagesResponse, inlinePicture, linkedPicture, refuseLinks } from '../pictures.ts'
import { isObject, objectsOf, secondsOf, textOf } from '../scalars.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { parseObject } from '../wire-object.ts'
import type { WireImages } from './image-types.ts'
import { imageUsageOf } from './image-usage.ts'
import { leaveOut } from './leave-out.ts'

/** What differs between vendors in how they make images. */
export interface ImageOptions {
  /** Fields the vendor has not: left out, and named as dropped. */
  readonly imageRefuses?: readonly string[]
  /** True where every model gives bytes, and refuses to be asked for links. */
  readonly imageBytes?: boolean
}

/** How images are made by an upstream of OpenAI's `images/generations`. */
export const images: WholeDialect<'generate_images', ImageOptions> = { encode, decode }

const path = '/images/generations'

/** Models that give bytes, and refuse to be asked in which form. */
const bytesAlone = /(?:^|\/)(?:chat)?gpt-image/

/**
 * Writes a request for images. One that came in this dialect goes out as the client wrote it, with only the model replaced and without
 * the form that a model has but one of and what the vendor has not; any other is translated. Throws `unsupported_field` for links of a
 * model that has none.
 */
function encode(request: GenerateImagesRequest, { imageRefuses = [], imageBytes }: ImageOptions): EncodedCall {
  const { source, model } = request
  const only = imageBytes === true || bytesAlone.test(model)
  if (only) refuseLinks(request)
  const passThrough = source?.dialect === 'openai'
  const whole = passThrough ? replaceModel(source.body, model) : translated(request)
  const shaped = only ? leaveOut(whole, ['response_format']).body : whole
  const { body, dropped } = leaveOut(shaped, imageRefuses)
  const untranslated = passThrough ? [] : (source?.untranslated ?? [])
  return { path, body, dropped: [...untranslated, ...dropped], passThrough }
}

function translated(request: GenerateImagesRequest): string {
  return JSON.stringify({
    model: request.model,
    prompt: request.prompt,
    n: request.n,
    size: request.size,
    quality: request.quality,
    style: request.style,
    background: request.background,
    moderation: request.moderation,
    output_format: request.outputFormat,
    output_compression: request.outputCompression,
    response_format: request.responseFormat,
    user: request.user,
  })
}

function decode({ text }: UpstreamAnswer, { dropped, passThrough }: EncodedCall): GenerateImagesResponse {
  const wire = parseObject(text, 'provider_error') as WireImages
  if (wire.error != null) throw upstreamError(problemOf(wire))
  const format = textOf(wire.output_format)
  const given = objectsOf(wire.data)
  const made = given.flatMap((image) => {
    const revised = textOf(image.revised_prompt)
    if (textOf(image.b64_json) !== '')
      return [inlinePicture(textOf(image.b64_json), `image/${format || 'png'}`, revised)]
    return textOf(image.url) === '' ? [] : [linkedPicture(textOf(image.url), revised)]
  })
  if (made.length === 0 && given.some((image) => image.respect_moderation === false)) {
    const message = 'the provider withheld the images for what is in them'
    throw fail('invalid_request', message, { retryable: false })
  }
  const response = imagesResponse(made, dropped)
  return Object.assign(response, {
    created: secondsOf(wire.created),
    background: textOf(wire.background),
    outputFormat: format,
    size: textOf(wire.size),
    quality: textOf(wire.quality),
    ...(isObject(wire.usage) && { usage: imageUsageOf(wire.usage) }),
    ...(passThrough && { raw: text.trim(), rawDialect: 'openai' }),
  })
}
