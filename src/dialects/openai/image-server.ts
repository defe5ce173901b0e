import type { GeneratedImage, GenerateImagesResponse } from '#gen/switchyard/v1/image_pb.ts'
import type { OperationRoute } from '../contract.ts'
import type { WholeAnswer } from '../operation.ts'
import { encodeBase64 } from '../parts.ts'
import { linking } from '../picture-links.ts'
import { decodeImages } from './decode-images.ts'
import { imagesRequest, imagesResponse } from './image-types.ts'
import { encodeImageUsage } from './image-usage.ts'

/** `POST /v1/images/generations`. */
export const imageRoute: OperationRoute = {
  path: '/v1/images/generations',
  summary: 'Images from a description',
  operation: 'generate_images',
  request: imagesRequest,
  response: imagesResponse,
  decode(body, { origin }) {
    const { request, linked } = decodeImages(body, 'openai')
    const answer = linked ? { ...imagesAnswer, ...linking(origin) } : imagesAnswer
    return { operation: 'generate_images', request, streaming: false, answer }
  },
}

/** Writes images as OpenAI does; what an upstream of OpenAI's format wrote for its own client is handed on as it is. */
export const imagesAnswer: WholeAnswer<'generate_images'> = {
  whole: (response) =>
    response.rawDialect === 'openai' && response.raw !== '' ? response.raw : JSON.stringify(imagesObject(response)),
}

/** OpenAI's object for images. A usage that the gateway had to estimate is left out, as where OpenAI itself tells none. */
export function imagesObject(response: GenerateImagesResponse): object {
  const { images, created, background, outputFormat, size, quality, usage } = response
  const counted = usage !== undefined && !usage.estimated && usage.inputTokens + usage.outputTokens > 0
  return {
    created: created > 0n ? Number(created) : Math.floor(Date.now() / 1000),
    data: images.map(imageObject),
    ...(background !== '' && { background }),
    ...(outputFormat !== '' && { output_format: outputFormat }),
    ...(size !== '' && { size }),
    ...(quality !== '' && { quality }),
    ...(counted && { usage: encodeImageUsage(usage) }),
  }
}

function imageObject({ image, revisedPrompt }: GeneratedImage): object {
  const source = image?.source
  return {
    ...(source?.case === 'data' ? { b64_json: encodeBase64(source.value) } : { url: source?.value ?? '' }),
    ...(revisedPrompt !== '' && { revised_prompt: revisedPrompt }),
  }
}
