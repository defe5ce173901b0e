import { z } from 'zod'
import type { OperationRoute } from '../contract.ts'
import { decodeImages } from '../openai/decode-images.ts'
import { imagesObject } from '../openai/image-server.ts'
import { imagesRequest, imagesResponse } from '../openai/image-types.ts'
import type { WholeAnswer } from '../operation.ts'
import { linking } from '../picture-links.ts'
import { envelope, enveloped } from './envelope.ts'

const answer = enveloped(imagesResponse.extend({ model: z.string() }))

/** Writes images as OpenAI does, under the name that was asked for, in the envelope. */
const imagesAnswer: WholeAnswer<'generate_images'> = {
  whole(response, { alias, requestId }) {
    const data = { model: alias, ...imagesObject(response) }
    return JSON.stringify(envelope(data, requestId))
  },
}

/** `POST /v1/inference/images/generate`. */
export const images: OperationRoute = {
  path: '/v1/inference/images/generate',
  summary: 'Images from a description',
  operation: 'generate_images',
  request: imagesRequest,
  response: answer,
  decode(body, { origin }) {
    const { request, linked } = decodeImages(body, 'scaigrid')
    const written = linked ? { ...imagesAnswer, ...linking(origin) } : imagesAnswer
    return { operation: 'generate_images', request, streaming: false, answer: written }
  },
}
