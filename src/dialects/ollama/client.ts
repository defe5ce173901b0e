import type { ClientDialect } from '../contract.ts'
import { problemOf, retryAfter, upstreamError } from '../upstream.ts'
import { AnswerDecoder } from './decode-answer.ts'
import { encodeRequest, type OllamaOptions } from './encode-request.ts'
import { models } from './models.ts'
import { lineReader } from './lines.ts'

/** What we speak to an upstream of Ollama's native chat. */
export const ollamaClient: ClientDialect<OllamaOptions> = {
  name: 'ollama',
  chatPath: '/api/chat',
  defaults: { vendor: 'ollama' },

  encodeChat: encodeRequest,

  carries: ({ kind }) => (kind === 'image' ? 'bytes' : undefined),

  reader: (contentType) => (contentType.includes('ndjson') ? lineReader() : undefined),

  decodeChat: ({ dropped }, _options, upstreamRequestId) => new AnswerDecoder({ dropped, upstreamRequestId }),

  models,

  decodeError({ status, header, text }) {
    return upstreamError({ ...problemOf(bodyOf(text), status), retryAfterSeconds: retryAfter(header, Date.now()) })
  },
}

/** An error body is `{"error": "..."}`, or text to be quoted only as far as it is a sentence. */
function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text.trimStart().startsWith('<') ? '' : text.slice(0, 500)
  }
}
