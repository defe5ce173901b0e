import { create } from '@bufbuild/protobuf'
import { z } from 'zod'
import { EmbedRequestSchema, type EmbedResponse } from '#gen/switchyard/v1/embedding_pb.ts'
import type { OperationRoute } from '../contract.ts'
import { embeddingsOf } from '../openai/embed-server.ts'
import { embeddingsAnswer, embeddingsRequest } from '../openai/embed-types.ts'
import type { Served } from '../operation.ts'
import { inputKinds } from '../text-input.ts'
import { checkNoting } from '../untranslated.ts'
import { envelope, enveloped } from './envelope.ts'

const { model, input, dimensions, encoding_format } = embeddingsRequest.shape

/** Body of `POST /v1/inference/embed`. */
const embedRequest = z.looseObject({ model, input, dimensions, encoding_format })

/** Body of an answer. */
const embedAnswer = enveloped(embeddingsAnswer)

/** Makes vectors: OpenAI's list under the name that was asked for, in the envelope. */
export const embed: OperationRoute = {
  path: '/v1/inference/embed',
  summary: 'Vectors for texts',
  operation: 'embed',
  request: embedRequest,
  response: embedAnswer,
  decode(body) {
    const { wire, untranslated } = checkNoting(embedRequest, body.value)
    const request = create(EmbedRequestSchema, {
      model: wire.model,
      inputs: inputKinds(wire.input).map((kind) => ({ kind })),
      ...(wire.dimensions != null && { dimensions: wire.dimensions }),
      source: { dialect: 'scaigrid', body: body.text, untranslated },
    })
    const whole = (response: EmbedResponse, served: Served): string => {
      const data = embeddingsOf(response, served.alias, wire.encoding_format ?? 'float')
      return JSON.stringify(envelope(data, served.requestId))
    }
    return { operation: 'embed', request, streaming: false, answer: { whole } }
  },
}
