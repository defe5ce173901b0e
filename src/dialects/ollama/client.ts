import { z } from 'zod'
import type { ClientDialect } from '../contract.ts'
import { callError } from '../upstream.ts'
import { AnswerDecoder } from './decode-answer.ts'
import { encodeRequest, type OllamaOptions } from './encode-request.ts'
import { models } from './models.ts'
import { lineReader } from './lines.ts'

/** What we speak to an upstream of Ollama's native chat. */
export const ollamaClient: ClientDialect<OllamaOptions> = {
  name: 'ollama',
  chatPath: '/api/chat',
  defaults: { vendor: 'ollama' },
  options: { vendor: z.string() },

  encodeChat: encodeRequest,

  carries: ({ kind }) => (kind === 'image' ? 'bytes' : undefined),

  reader: (contentType) => (contentType.includes('ndjson') ? lineReader() : undefined),

  decodeChat: ({ passThrough, dropped }, _options, upstreamRequestId) =>
    new AnswerDecoder({ passThrough, dropped, upstreamRequestId }),

  models,

  decodeError: callError,
}
