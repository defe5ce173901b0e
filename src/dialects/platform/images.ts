import { z } from 'zod'
import type { GenerateImagesRequest, GenerateImagesResponse } from '#gen/switchyard/v1/image_pb.ts'
import type { JsonBody, OperationRoute } from '../contract.ts'
import { imagesRequest as openaiRequest } from '../openai/image-types.ts'
import type { Served } from '../operation.ts'
import { linking } from '../picture-links.ts'
import { emptyImagesRequest } from '../pictures.ts'
import { noteUnknown } from '../untranslated.ts'
import { check } from '../validate.ts'
import { requireModel } from './decode-request.ts'
import { imageObject, usageObject } from './encode-answer.ts'

const { prompt, n, size, quality, style, background, moderation, user, ...wide } = openaiRequest.shape

/** Body of `POST /api/v1/inference/images`. */
const imagesRequest = z.looseObject({
  model: z.string().max(512).nullish().describe("default: the provider's"),
  providerId: z.string().max(256).nullish().describe('id or name of a provider'),
  prompt,
  n,
  size,
  quality,
  style,
  background,
  moderation,
  user,
  outputFormat: wide.output_format,
  outputCompression: wide.output_compression,
  responseFormat: wide.response_format,
})

const imagesAnswer = z.object({
  success: z.literal(true),
  data: z.object({
    images: z.array(
      z.object({
        data: z.string().optional().describe('base64'),
        url: z.string().optional(),
        mediaType: z.string().optional(),
        revisedPrompt: z.string().optional(),
      }),
    ),
    model: z.string(),
    usage: z.object({ inputTokens: z.number(), outputTokens: z.number() }).optional(),
    requestId: z.string(),
  }),
})

function decode(body: JsonBody): { readonly request: GenerateImagesRequest; readonly linked: boolean } {
  requireModel(body.value)
  const wire = check(imagesRequest, body.value)
  const untranslated: string[] = []
  noteUnknown(wire, imagesRequest.shape, '', untranslated)
  const request = emptyImagesRequest(wire.model ?? '', wire.prompt, wire.providerId ?? '')
  if (wire.n != null) request.n = wire.n
  if (wire.size != null) request.size = wire.size
  if (wire.quality != null) request.quality = wire.quality
  if (wire.style != null) request.style = wire.style
  if (wire.background != null) request.background = wire.background
  if (wire.moderation != null) request.moderation = wire.moderation
  if (wire.user != null) request.user = wire.user
  if (wire.outputFormat != null) request.outputFormat = wire.outputFormat
  if (wire.outputCompression != null) request.outputCompression = wire.outputCompression
  if (wire.responseFormat === 'b64_json') request.responseFormat = wire.responseFormat
  const source = { dialect: 'platform', body: body.text, untranslated, headers: {} }
  request.source = { $typeName: 'switchyard.v1.Source', ...source }
  return { request, linked: wire.responseFormat === 'url' }
}

function whole({ images, usage }: GenerateImagesResponse, { alias, requestId }: Served): string {
  const data = {
    images: images.flatMap(({ image, revisedPrompt }) =>
      image === undefined ? [] : [{ ...imageObject(image), ...(revisedPrompt !== '' && { revisedPrompt }) }],
    ),
    model: alias,
    ...(usage !== undefined && { usage: usageObject(usage) }),
    requestId,
  }
  return JSON.stringify({ success: true, data })
}

/** `POST /api/v1/inference/images`. */
export const images: OperationRoute = {
  path: '/api/v1/inference/images',
  summary: 'Images from a description',
  operation: 'generate_images',
  request: imagesRequest,
  response: imagesAnswer,
  decode(body, { origin }) {
    const { request, linked } = decode(body)
    return {
      operation: 'generate_images',
      request,
      streaming: false,
      answer: { whole, ...(linked && linking(origin)) },
    }
  },
}
