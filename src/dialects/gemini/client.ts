import { z } from 'zod'
import { video } from './video-client.ts'
import { fail } from '../../error/index.ts'
import { tokenCount } from '../../model/usage.ts'
import type { ClientDialect, UpstreamFailure } from '../contract.ts'
import { callError, bodyOf } from '../upstream.ts'
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
  options: { vendor: z.string(), apiVersion: z.string(), modelPrefix: z.string(), fetchesUrls: z.boolean() },

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

  decodeError: (failure) => callError({ ...failure, status: statusOf(failure) }),
}

/** A key that Google does not know is a 400 with it; to the caller it is what 401 means elsewhere. */
function statusOf({ status, text }: UpstreamFailure): number {
  return status === 400 && /API_KEY_INVALID|API key (?:not valid|expired)/.test(text) ? 401 : status
}
