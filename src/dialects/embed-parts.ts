import { create } from '@bufbuild/protobuf'
import {
  type Embedding,
  type EmbedRequest,
  type EmbedResponse,
  EmbedResponseSchema,
} from '#gen/switchyard/v1/embedding_pb.ts'
import { fail } from '../error/index.ts'
import { sumOf } from '../model/usage.ts'

// Requests for more vectors than an upstream gives at once.

/**
 * A request as several of at most `most` inputs each, in order; as it is where it has no more. Parts are written anew, so that their
 * client's own words do not go along: of those only what they hold beyond the contract is still named.
 */
export function splitInputs(request: EmbedRequest, most: number): readonly EmbedRequest[] {
  const { inputs, source } = request
  if (inputs.length <= most) return [request]
  const parts: EmbedRequest[] = []
  for (let start = 0; start < inputs.length; start += most) {
    parts.push({
      ...request,
      inputs: inputs.slice(start, start + most),
      ...(source !== undefined && { source: { ...source, dialect: '', body: '' } }),
    })
  }
  return parts
}

/** The answers to the parts of a request as the answer to all of it: vectors in order, usage summed. */
export function joinEmbeddings(responses: readonly EmbedResponse[]): EmbedResponse {
  const usages = responses.flatMap(({ usage }) => usage ?? [])
  const vectors = responses.flatMap(({ embeddings }) => inOrder(embeddings))
  return create(EmbedResponseSchema, {
    model: responses[0]?.model ?? '',
    embeddings: vectors.map((one, index) => ({ ...one, index })),
    ...(usages.length > 0 && usages.length === responses.length && { usage: sumOf(usages) }),
    dropped: [...new Set(responses.flatMap(({ dropped }) => dropped))],
    upstreamRequestId: responses.map(({ upstreamRequestId }) => upstreamRequestId).find((id) => id !== '') ?? '',
  })
}

/**
 * Vectors by their inputs. Those that have no places, which reads as the first for all, are in order as they are. Throws
 * `provider_error` where it is not told which is whose.
 */
export function inOrder(embeddings: readonly Embedding[]): Embedding[] {
  if (embeddings.every(({ index }) => index === 0)) return embeddings.map((one, index) => ({ ...one, index }))
  const sorted = embeddings.toSorted((one, other) => one.index - other.index)
  if (sorted.every(({ index }, at) => index === at)) return sorted
  throw fail('provider_error', 'the provider does not say which vector is of which input')
}
