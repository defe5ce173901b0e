import { Buffer } from 'node:buffer'
import type { Image } from '#gen/switchyard/v1/chat_pb.ts'
import type { GeneratedImage, GenerateImagesRequest, GenerateImagesResponse } from '#gen/switchyard/v1/image_pb.ts'
import { fail } from '../error/index.ts'
import { pictureType } from '../model/picture.ts'
import { sumOf } from '../model/usage.ts'

/** A request for images that asks nothing yet but of a model. */
export function emptyImagesRequest(model: string, prompt: string, provider = ''): GenerateImagesRequest {
  return { $typeName: 'switchyard.v1.GenerateImagesRequest', model, provider, prompt, strict: false }
}

/** An answer with these images, of which nothing else is told. Throws `provider_error` for one without any. */
export function imagesResponse(images: GeneratedImage[], dropped: Iterable<string>): GenerateImagesResponse {
  if (images.length === 0) throw fail('provider_error', "the provider's answer has no image")
  return {
    $typeName: 'switchyard.v1.GenerateImagesResponse',
    model: '',
    created: 0n,
    images,
    dropped: [...dropped],
    raw: '',
    rawDialect: '',
    upstreamRequestId: '',
    background: '',
    outputFormat: '',
    size: '',
    quality: '',
  }
}

/** An image that an upstream sent as base64. Its type is what its bytes tell, else what the upstream calls it. */
export function inlinePicture(base64: string, mediaType: string, revisedPrompt = ''): GeneratedImage {
  const value = new Uint8Array(Buffer.from(base64, 'base64'))
  const type = pictureType(value) ?? (mediaType === '' ? 'image/png' : mediaType)
  return picture({ case: 'data', value }, type, revisedPrompt)
}

/** An image that an upstream keeps at a URL. */
export function linkedPicture(url: string, revisedPrompt = ''): GeneratedImage {
  return picture({ case: 'url', value: url }, '', revisedPrompt)
}

function picture(source: Image['source'], mediaType: string, revisedPrompt: string): GeneratedImage {
  return {
    $typeName: 'switchyard.v1.GeneratedImage',
    image: { $typeName: 'switchyard.v1.Image', source, mediaType, detail: '' },
    revisedPrompt,
  }
}

/** Throws `unsupported_field` for a request that wants links, of a provider that has none. */
export function refuseLinks({ responseFormat }: GenerateImagesRequest): void {
  if (responseFormat !== 'url') return
  throw fail('unsupported_field', 'the provider of this model gives images as bytes alone, not as a url', {
    param: 'response_format',
  })
}

/** The options of a request for images that not every format has a field for, each with how a request shows that it is asked for. */
const asked = {
  size: ({ size }) => isAsked(size),
  quality: ({ quality }) => isAsked(quality),
  style: ({ style }) => isAsked(style),
  background: ({ background }) => isAsked(background),
  output_format: ({ outputFormat }) => outputFormat !== undefined,
  output_compression: ({ outputCompression }) => outputCompression !== undefined,
  moderation: ({ moderation }) => isAsked(moderation),
  user: ({ user }) => user !== undefined,
} as const satisfies Record<string, (request: GenerateImagesRequest) => boolean>

/** An option of a request for images, as `dropped` names it. */
export type ImageOption = keyof typeof asked

/** What is left to the provider is not asked for. */
function isAsked(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== 'auto'
}

/** The options a request asks for that a format without a field for them cannot carry; `carried` are those it can. */
export function uncarriedImageOptions(request: GenerateImagesRequest, carried: readonly ImageOption[]): ImageOption[] {
  const names = Object.keys(asked) as ImageOption[]
  return names.filter((name) => !carried.includes(name) && asked[name](request))
}

/** Width and height in pixels; undefined for no size, for `auto`, and for what is none. */
export function pixelsOf(size: string | undefined): { readonly width: number; readonly height: number } | undefined {
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(size ?? '') ?? []
  return width === undefined || height === undefined || Number(width) * Number(height) === 0
    ? undefined
    : { width: Number(width), height: Number(height) }
}

/** Most images that one request may ask for, where each is asked for on its own. */
const mostImages = 10

/** A request for several images as requests for one each, for upstreams that make but one. Throws `invalid_request` for too many. */
export function splitImages(request: GenerateImagesRequest): readonly GenerateImagesRequest[] {
  const { n = 1 } = request
  if (n > mostImages) throw fail('invalid_request', `n: at most ${mostImages} images at once`, { param: 'n' })
  return Array.from({ length: n }, () => ({ ...request, n: 1 }))
}

/** The answers to the parts of a request as the answer to all of it: images in order, usage summed. */
export function joinImages(responses: readonly GenerateImagesResponse[]): GenerateImagesResponse {
  const usages = responses.flatMap(({ usage }) => usage ?? [])
  const images = responses.flatMap((response) => response.images)
  return {
    ...imagesResponse(images, new Set(responses.flatMap(({ dropped }) => dropped))),
    model: responses[0]?.model ?? '',
    ...(usages.length === responses.length && { usage: sumOf(usages) }),
    upstreamRequestId: responses.map(({ upstreamRequestId }) => upstreamRequestId).find((id) => id !== '') ?? '',
  }
}
