import type { ClientDialect } from '../contract.ts'
import { problemOf, retryAfter, upstreamError } from '../upstream.ts'
import { AnswerDecoder } from './decode-answer.ts'
import { embed } from './embed-client.ts'
import { type CohereOptions, encodeRequest } from './encode-request.ts'
import { models } from './models.ts'

/** What we speak to an upstream of Cohere's chat, version 2. */
export const cohereClient: ClientDialect<CohereOptions> = {
  name: 'cohere',
  chatPath: '/v2/chat',
  defaults: { vendor: 'cohere' },

  encodeChat: encodeRequest,

  carries: ({ kind }) => (kind === 'image' ? 'url' : undefined),

  decodeChat: ({ dropped }, _options, upstreamRequestId) => new AnswerDecoder({ dropped, upstreamRequestId }),

  operations: { embed },

  models,

  decodeError({ status, header, text }) {
    return upstreamError({ ...problemOf(bodyOf(text), status), retryAfterSeconds: retryAfter(header, Date.now()) })
  },
}

/** An error body is a flat `{id, message}`, or text to be quoted only as far as it is a sentence. */
function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text.trimStart().startsWith('<') ? '' : text.slice(0, 500)
  }
}
