import { create } from '@bufbuild/protobuf'
import { z } from 'zod'
import { EmbedRequestSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import type { OperationRoute } from '../contract.ts'
import { inputKinds, textInput } from '../text-input.ts'
import { checkNoting } from '../untranslated.ts'
import { requireModel } from './decode-request.ts'
import { envelope } from './types.ts'

/** Most inputs of one request. */
const mostInputs = 2048

/** Body of `POST /api/v1/inference/embed`. */
const embedRequest = z.looseObject({
  model: z.string().max(512).nullish().describe("default: the provider's"),
  providerId: z.string().max(256).nullish().describe('id or name of the provider to ask'),
  input: textInput(mostInputs, 1),
  dimensions: z.int().min(1).max(0xffff_ffff).nullish(),
})

/** Body of an answer: a vector for each input, in order. */
const embedAnswer = envelope(
  z.object({
    embeddings: z.array(z.array(z.number())),
    model: z.string(),
    usage: z.object({ inputTokens: z.int() }).optional(),
    requestId: z.string(),
  }),
)

/** Makes vectors for a text, or for several. */
export const embed: OperationRoute = {
  path: '/api/v1/inference/embed',
  summary: 'Vectors for texts',
  operation: 'embed',
  request: embedRequest,
  response: embedAnswer,
  decode(body) {
    requireModel(body.value)
    const { wire, untranslated } = checkNoting(embedRequest, body.value)
    const request = create(EmbedRequestSchema, {
      model: wire.model ?? '',
      provider: wire.providerId ?? '',
      inputs: inputKinds(wire.input).map((kind) => ({ kind })),
      ...(wire.dimensions != null && { dimensions: wire.dimensions }),
      source: { dialect: 'platform', body: body.text, untranslated },
    })
    return {
      operation: 'embed',
      request,
      streaming: false,
      answer: {
        whole({ embeddings, usage }, { alias, requestId }) {
          const counted = usage === undefined ? {} : { usage: { inputTokens: usage.inputTokens } }
          const data = { embeddings: embeddings.map(({ values }) => values), model: alias, ...counted, requestId }
          return JSON.stringify({ success: true, data })
        },
      },
    }
  },
}
