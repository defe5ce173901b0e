import type { JsonObject } from '@bufbuild/protobuf'
import type { GenerateImagesRequest, GenerateImagesResponse } from '#gen/switchyard/v1/image_pb.ts'
import type { EncodedCall, UpstreamAnswer, WholeDialect } from '../client-operations.ts'
import { replaceModel } from '../json.ts'
import { imagesResponse, inlinePicture, linkedPicture, refuseLinks } from '../pictures.ts'
import { isObject, objectsOf, secondsOf, textOf } from '../scalars.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import { parseObject } from '../wire-object.ts'
import type { WireImages } from './image-types.ts'
import { imageUsageOf } from './image-usage.ts'

/** What differs between vendors in how they make images. */
export interface ImageOptions {
  /** Fields the vendor refuses: left out of translated requests, and named as dropped. */
  readonly imageRefuses?: readonly string[]
}

/** How images are made by an upstream of OpenAI's `images/generations`. */
export const images: WholeDialect<'generate_images', ImageOptions> = { encode, decode }

const path = '/images/generations'

/** Models that give bytes, and refuse to be asked in which form. */
const bytesAlone = /(?:^|\/)(?:chat)?gpt-image/

/**
 * Writes a request for images. One that came in this dialect goes out as the client wrote it, with only the model replaced and without
 * the form that a model has but one of; any other is translated. Throws `unsupported_field` for links of a model that has none.
 */
function encode(request: GenerateImagesRequest, { imageRefuses = [] }: ImageOptions): EncodedCall {
  const { source, model } = request
  const only = bytesAlone.test(model)
  if (only) refuseLinks(request)
  if (source?.dialect === 'openai') {
    const body = replaceModel(source.body, model)
    return { path, body: only ? withoutForm(body) : body, dropped: [], passThrough: true }
  }
  const dropped = [...(source?.untranslated ?? [])]
  const fields: Record<string, unknown> = {
    model,
    prompt: request.prompt,
    n: request.n,
    size: request.size,
    quality: request.quality,
    style: request.style,
    background: request.background,
    moderation: request.moderation,
    output_format: request.outputFormat,
    output_compression: request.outputCompression,
    response_format: only ? undefined : request.responseFormat,
    user: request.user,
  }
  for (const name of imageRefuses) {
    if (fields[name] === undefined) continue
    delete fields[name]
    dropped.push(name)
  }
  return { path, body: JSON.stringify(fields), dropped, passThrough: false }
}

function withoutForm(body: string): string {
  const { response_format: form, ...rest } = JSON.parse(body) as JsonObject
  return form === undefined ? body : JSON.stringify(rest)
}

function decode({ text }: UpstreamAnswer, { dropped, passThrough }: EncodedCall): GenerateImagesResponse {
  const wire = parseObject(text, 'provider_error') as WireImages
  if (wire.error != null) throw upstreamError(problemOf(wire))
  const format = textOf(wire.output_format)
  const made = objectsOf(wire.data).flatMap((image) => {
    const revised = textOf(image.revised_prompt)
    if (textOf(image.b64_json) !== '')
      return [inlinePicture(textOf(image.b64_json), `image/${format || 'png'}`, revised)]
    return textOf(image.url) === '' ? [] : [linkedPicture(textOf(image.url), revised)]
  })
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
