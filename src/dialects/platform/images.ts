import { z } from 'zod'
import type { GenerateImagesRequest, GenerateImagesResponse } from '#gen/switchyard/v1/image_pb.ts'
import { sourceOf } from '../../model/request.ts'
import type { JsonBody, OperationRoute } from '../contract.ts'
import { decodeImageOptions } from '../openai/decode-images.ts'
import { imagesRequest as openaiRequest } from '../openai/image-types.ts'
import type { Served } from '../operation.ts'
import { linking } from '../picture-links.ts'
import { emptyImagesRequest } from '../pictures.ts'
import { checkNoting } from '../untranslated.ts'
import { requireModel } from './decode-request.ts'
import { imageObject, usageObject } from './encode-answer.ts'
import { envelope } from './types.ts'

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

const imagesAnswer = envelope(
  z.object({
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
)

function decode(body: JsonBody): { readonly request: GenerateImagesRequest; readonly linked: boolean } {
  requireModel(body.value)
  const { wire, untranslated } = checkNoting(imagesRequest, body.value)
  const request = emptyImagesRequest(wire.model ?? '', wire.prompt, wire.providerId ?? '')
  const { outputFormat, outputCompression, responseFormat } = wire
  const renamed = {
    output_format: outputFormat,
    output_compression: outputCompression,
    response_format: responseFormat,
  }
  decodeImageOptions({ ...wire, ...renamed }, request)
  request.source = sourceOf('platform', body.text, untranslated)
  return { request, linked: responseFormat === 'url' }
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
