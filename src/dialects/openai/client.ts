import type { ClientDialect } from '../contract.ts'
import { callError } from '../upstream.ts'
import { AnswerDecoder } from './decode-answer.ts'
import { embed } from './embed-client.ts'
import { video } from './video-client.ts'
import { type CompatibleOptions, encodeRequest } from './encode-request.ts'
import { images } from './image-client.ts'
import { carries, inlineMedia } from './inline-media.ts'
import { generate } from './generate-client.ts'
import { models } from './models.ts'
import { compatibleOptions } from './options.ts'
import { speech } from './speech-client.ts'
import { transcription } from './transcription-client.ts'

/** What we speak to an upstream of OpenAI's chat completions, or of a vendor compatible with them. */
export const openaiClient: ClientDialect<CompatibleOptions> = {
  name: 'openai',
  chatPath: '/chat/completions',
  defaults: {
    vendor: 'openai',
    refuses: [],
    limitField: 'max_tokens',
    alwaysAskUsage: false,
    timedTranscripts: ['whisper-1'],
    plainTranscripts: ['gpt-*'],
  },
  options: compatibleOptions,

  encodeChat: encodeRequest,

  carries,

  inlineMedia,

  decodeChat(encoded, options, upstreamRequestId) {
    const { passThrough, dropped } = encoded
    return new AnswerDecoder({ passThrough, dropped, upstreamRequestId, vendor: options.vendor })
  },

  operations: { generate, embed, generateImages: images, transcribe: transcription, synthesize: speech, video },

  models,

  decodeError: callError,
}
