import { z } from 'zod'
import type { ClientDialect } from '../contract.ts'
import { AnswerDecoder } from './decode-answer.ts'
import { type ConverseOptions, encodeRequest } from './encode-request.ts'
import { failureError } from './errors.ts'
import { frameReader } from './frames.ts'

/** What we speak to an upstream of Converse and ConverseStream. The path names the model, so every request brings its own. */
export const bedrockClient: ClientDialect<ConverseOptions> = {
  name: 'bedrock',
  chatPath: '/model/converse',
  defaults: { vendor: 'bedrock' },
  options: { vendor: z.string() },

  encodeChat: encodeRequest,

  // Only objects in the vendor's own storage are read by URL, and there is no sound.
  carries({ kind, url }) {
    if (kind === 'audio') return undefined
    return url.startsWith('s3://') ? 'url' : 'bytes'
  },

  reader: (contentType) => (contentType.includes('vnd.amazon.eventstream') ? frameReader() : undefined),

  decodeChat: ({ passThrough, dropped }, { vendor }, upstreamRequestId) =>
    new AnswerDecoder({ passThrough, dropped, upstreamRequestId, vendor }),

  decodeError: failureError,
}
