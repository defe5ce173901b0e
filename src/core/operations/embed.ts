import { EmbedRequestSchema, EmbedResponseSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import { promptLength } from '../../model/length.ts'
import { wholeOperation } from './whole.ts'

/** Vectors for a list of inputs. */
export const embed = wholeOperation({
  name: 'embed',
  verb: 'make embeddings',
  slow: false,
  request: EmbedRequestSchema,
  response: EmbedResponseSchema,
  offeredBy: (provider) => provider.embed !== undefined,
  ask: (provider, request, context) => provider.embed?.(request, context),
  lengthOf: ({ inputs }) => inputs.reduce((sum, input) => sum + promptLength(input), 0),
})
