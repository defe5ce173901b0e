import { Buffer } from 'node:buffer'
import { create } from '@bufbuild/protobuf'
import {
  type Embedding,
  type EmbedInput,
  type EmbedRequest,
  type EmbedResponse,
  EmbedResponseSchema,
} from '#gen/switchyard/v1/embedding_pb.ts'
import { fail } from '../error/index.ts'
import { sumOf } from '../model/usage.ts'

// Requests for more vectors than an upstream gives at once.

/** How much an upstream takes at once. */
export interface EmbedLimits {
  /** Inputs of one request. */
  readonly inputs: number
  /** Tokens of all of them together; absent where nothing is said of that. */
  readonly tokens?: number | undefined
}

/**
 * A request as several that are no more than an upstream takes at once, in order; as it is where it is no more. An input that is too much by
 * itself is asked for alone. Parts are written anew, so that their client's own words do not go along: of those only what they hold beyond
 * the contract is still named.
 */
export function splitInputs(request: EmbedRequest, limits: EmbedLimits): readonly EmbedRequest[] {
  const parts = partsOf(request.inputs, limits)
  if (parts.length <= 1) return [request]
  const { source } = request
  const anew = source === undefined ? {} : { source: { ...source, dialect: '', body: '' } }
  return parts.map((inputs) => ({ ...request, ...anew, inputs }))
}

function partsOf(inputs: readonly EmbedInput[], { inputs: most, tokens = Infinity }: EmbedLimits): EmbedInput[][] {
  const parts: EmbedInput[][] = []
  let part: EmbedInput[] = []
  let sum = 0
  for (const input of inputs) {
    const count = tokens === Infinity ? 0 : tokensOf(input)
    if (part.length === most || (part.length > 0 && sum + count > tokens)) {
      parts.push(part)
      part = []
      sum = 0
    }
    part.push(input)
    sum += count
  }
  return [...parts, part]
}

/** Bytes that are taken for a token: fewer than it has in most texts, so that a part is rather too small than too large. */
const bytesOfToken = 3

function tokensOf({ kind }: EmbedInput): number {
  if (kind.case === 'tokens') return kind.value.ids.length
  return Math.ceil(Buffer.byteLength(kind.value ?? '') / bytesOfToken)
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
