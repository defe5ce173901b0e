import { create } from '@bufbuild/protobuf'
import {
  type EmbedRequest,
  EmbedRequestSchema,
  type EmbedResponse,
  EmbedResponseSchema,
} from '#gen/switchyard/v1/embedding_pb.ts'
import { inOrder } from '../../dialects/embed-parts.ts'
import { fail } from '../../error/index.ts'
import { promptLength } from '../../model/length.ts'
import type { EmbedInit } from '../../provider/contract.ts'
import { wholeOperation } from './whole.ts'

/** Vectors for a list of inputs. */
export const embed = wholeOperation({
  name: 'embed',
  verb: 'make embeddings',
  slow: false,
  request: EmbedRequestSchema,
  response: EmbedResponseSchema,
  offeredBy: (provider) => provider.embed !== undefined,
  ask: (provider, request, context) => provider.embed?.(request, context).then((given) => asAsked(request, given)),
  lengthOf: ({ inputs }) => inputs.reduce((sum, input) => sum + promptLength(input), 0),
})

/**
 * An answer that can be relied on: a vector for each input, in the order of the inputs, of the length that was asked for. Throws
 * `provider_error` for more or fewer and where it is not told which is whose, and `unsupported_field` where the length was ignored.
 */
function asAsked({ inputs, dimensions }: EmbedRequest, given: EmbedInit): EmbedResponse {
  const answer = create(EmbedResponseSchema, given)
  const { embeddings } = answer
  if (embeddings.length !== inputs.length)
    throw fail('provider_error', `the provider gave ${embeddings.length} vectors for ${inputs.length} inputs`)
  answer.embeddings = inOrder(embeddings)
  const other = embeddings.find(({ values }) => dimensions !== undefined && values.length !== dimensions)
  if (other === undefined) return answer
  throw fail('unsupported_field', `this model gives vectors of ${other.values.length} dimensions, not ${dimensions}`, {
    param: 'dimensions',
  })
}
