import { z } from 'zod'
import type { ClientDialect } from '../contract.ts'
import { models } from '../openai/models.ts'
import { callError } from '../upstream.ts'
import { AnswerDecoder } from './decode-answer.ts'
import { encodeRequest, type ResponsesOptions } from './encode-request.ts'

/** What we speak to an upstream of OpenAI's Responses API, or of a vendor compatible with it. */
export const responsesClient: ClientDialect<ResponsesOptions> = {
  name: 'responses',
  chatPath: '/responses',
  defaults: { vendor: 'openai', unsignedReasoning: false, refuses: [] },
  options: { vendor: z.string(), unsignedReasoning: z.boolean(), refuses: z.array(z.string()) },

  encodeChat: encodeRequest,

  // Images and files are read by URL. A body in this format cannot name sound by one.
  carries: ({ kind }) => (kind === 'audio' ? 'bytes' : 'url'),

  decodeChat(encoded, options, upstreamRequestId) {
    const { passThrough, dropped } = encoded
    return new AnswerDecoder({ passThrough, dropped, upstreamRequestId, vendor: options.vendor })
  },

  models,

  decodeError: callError,
}
