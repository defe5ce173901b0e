import { z } from 'zod'
import type { ClientDialect } from '../contract.ts'
import { callError } from '../upstream.ts'
import { AnswerDecoder } from './decode-answer.ts'
import { embed } from './embed-client.ts'
import { type CohereOptions, encodeRequest } from './encode-request.ts'
import { models } from './models.ts'

/** What we speak to an upstream of Cohere's chat, version 2. */
export const cohereClient: ClientDialect<CohereOptions> = {
  name: 'cohere',
  chatPath: '/v2/chat',
  defaults: { vendor: 'cohere' },
  options: { vendor: z.string() },

  encodeChat: encodeRequest,

  carries: ({ kind }) => (kind === 'image' ? 'url' : undefined),

  decodeChat: ({ passThrough, dropped }, _options, upstreamRequestId) =>
    new AnswerDecoder({ passThrough, dropped, upstreamRequestId }),

  operations: { embed },

  models,

  decodeError: callError,
}
