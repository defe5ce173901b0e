import { z } from 'zod'
import { fail } from '../../error/index.ts'
import type { ClientDialect } from '../contract.ts'
import { callError, bodyOf } from '../upstream.ts'
import { AnswerDecoder } from './decode-answer.ts'
import { encodeCount, encodeRequest, type MessagesOptions } from './encode-request.ts'
import { carries, inlineMedia } from './inline-media.ts'
import { models } from './models.ts'
import { ownVendor } from './signatures.ts'

/** What we speak to an upstream of Anthropic's messages, or of a vendor compatible with them. */
export const anthropicClient: ClientDialect<MessagesOptions> = {
  name: 'anthropic',
  chatPath: '/v1/messages',
  defaults: {
    vendor: ownVendor,
    version: '2023-06-01',
    maxTokens: 4096,
    unsignedReasoning: false,
    readsUrls: true,
    instructionsInPlace: true,
  },
  options: {
    vendor: z.string(),
    version: z.string(),
    maxTokens: z.int().positive(),
    unsignedReasoning: z.boolean(),
    readsUrls: z.boolean(),
    instructionsInPlace: z.boolean(),
  },

  encodeChat: encodeRequest,

  carries,

  inlineMedia,

  decodeChat(encoded, options, upstreamRequestId) {
    const { passThrough, dropped } = encoded
    return new AnswerDecoder({ passThrough, dropped, upstreamRequestId, vendor: options.vendor })
  },

  count: {
    encodeCount,
    decodeCount(text) {
      const tokens = numberIn(text)
      if (tokens === undefined) throw fail('provider_error', "the provider's answer has no count of tokens")
      return tokens
    },
  },

  models,

  decodeError: callError,
}

function numberIn(text: string): number | undefined {
  const body = bodyOf(text)
  const value =
    typeof body === 'object' && body !== null ? (body as Record<string, unknown>)['input_tokens'] : undefined
  return typeof value === 'number' && value >= 0 && value <= 0xffff_ffff ? Math.trunc(value) : undefined
}
