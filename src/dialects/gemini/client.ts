import { video } from './video-client.ts'
import { fail } from '../../error/index.ts'
import { tokenCount } from '../../model/usage.ts'
import type { ClientDialect } from '../contract.ts'
import { problemOf, retryAfter, upstreamError } from '../upstream.ts'
import { AnswerDecoder } from './decode-answer.ts'
import { embed } from './embed-client.ts'
import { encodeCountRequest, encodeRequest, type GeminiOptions } from './encode-request.ts'
import { images } from './image-client.ts'
import { carries } from './linked.ts'
import { models } from './models.ts'
import { answerReader } from './reader.ts'
import { googleVendor } from './signature.ts'
import { speech } from './speech-client.ts'

/** What we speak to Google's Gemini API, or with other options to Vertex AI. */
export const geminiClient: ClientDialect<GeminiOptions> = {
  name: 'gemini',
  // Every request brings its own path: the model is part of it.
  chatPath: '',
  defaults: { vendor: googleVendor, apiVersion: 'v1beta', modelPrefix: 'models/', fetchesUrls: false },

  encodeChat: encodeRequest,

  carries,

  reader: (contentType, streaming) => (streaming ? answerReader(contentType) : undefined),

  decodeChat(encoded, options, upstreamRequestId) {
    const { passThrough, dropped } = encoded
    return new AnswerDecoder({ passThrough, dropped, upstreamRequestId, vendor: options.vendor })
  },

  count: {
    encodeCount: encodeCountRequest,
    decodeCount(text) {
      const { totalTokens } = (bodyOf(text) ?? {}) as { totalTokens?: unknown }
      if (typeof totalTokens !== 'number') throw fail('provider_error', "the provider's answer has no token count")
      return tokenCount(totalTokens)
    },
  },

  operations: { embed, generateImages: images, synthesize: speech, video },

  models,

  decodeError({ status, header, text }) {
    const problem = problemOf(bodyOf(text), statusOf(status, text))
    const seconds = retryAfter(header, Date.now()) ?? problem.retryAfterSeconds
    return upstreamError({ ...problem, retryAfterSeconds: seconds })
  },
}

/** A key that Google does not know is a 400 with it; to the caller it is what 401 means elsewhere. */
function statusOf(status: number, text: string): number {
  return status === 400 && /API_KEY_INVALID|API key (?:not valid|expired)/.test(text) ? 401 : status
}

/** An error body is JSON, whatever its content type says, or text to be quoted only as far as it is a sentence. */
function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text.trimStart().startsWith('<') ? '' : text.slice(0, 500)
  }
}
