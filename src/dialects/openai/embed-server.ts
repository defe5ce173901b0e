import { create } from '@bufbuild/protobuf'
import { type EmbedRequest, EmbedRequestSchema, type EmbedResponse } from '#gen/switchyard/v1/embedding_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { JsonBody, OperationRoute } from '../contract.ts'
import type { Served, WholeAnswer } from '../operation.ts'
import { inputKinds } from '../text-input.ts'
import { checkNoting } from '../untranslated.ts'
import { encodeVector } from '../vectors.ts'
import { embeddingsAnswer, embeddingsRequest } from './embed-types.ts'

/** How a client wants vectors written. */
type Format = 'float' | 'base64'

/** Reads a request for embeddings. Throws `invalid_request`, naming the field. */
function decodeEmbedRequest(body: JsonBody): { readonly request: EmbedRequest; readonly format: Format } {
  const { wire, untranslated } = checkNoting(embeddingsRequest, body.value)
  const request = create(EmbedRequestSchema, {
    model: wire.model,
    inputs: inputKinds(wire.input).map((kind) => ({ kind })),
    ...(wire.dimensions != null && { dimensions: wire.dimensions }),
    ...(wire.user != null && { user: wire.user }),
    ...(wire.input_type != null && { purpose: wire.input_type }),
    source: { dialect: 'openai', body: body.text, untranslated },
  })
  return { request, format: wire.encoding_format ?? 'float' }
}

/** The list of vectors of an answer, translated. */
export function embeddingsOf({ embeddings, usage }: EmbedResponse, model: string, format: Format): object {
  return {
    object: 'list',
    data: embeddings.map(({ index, values }) => ({
      object: 'embedding',
      index,
      embedding: format === 'base64' ? encodeVector(values) : values,
    })),
    model,
    ...(usage !== undefined && { usage: embeddingUsage(usage) }),
  }
}

function embeddingUsage({ inputTokens, outputTokens }: Usage): object {
  return { prompt_tokens: inputTokens, total_tokens: inputTokens + outputTokens }
}

function answerIn(format: Format): WholeAnswer<'embed'> {
  return {
    whole(response: EmbedResponse, served: Served) {
      if (response.rawDialect === 'openai' && response.raw !== '') return response.raw
      return JSON.stringify(embeddingsOf(response, response.model === '' ? served.alias : response.model, format))
    },
  }
}

/** `POST /v1/embeddings`. */
export const embeddings: OperationRoute = {
  path: '/v1/embeddings',
  summary: 'Vectors for texts',
  operation: 'embed',
  request: embeddingsRequest,
  response: embeddingsAnswer,
  decode(body) {
    const { request, format } = decodeEmbedRequest(body)
    return { operation: 'embed', request, streaming: false, answer: answerIn(format) }
  },
}
