import { z } from 'zod'
import {
  compatible,
  compatibleSettings,
  definePlugin,
  type GenericEndpoint,
  openaiClient,
  responsesClient,
} from '#provider'

const moderations: GenericEndpoint = {
  operation: 'moderations',
  path: '/moderations',
  means: (model) => model.includes('moderation'),
}

const vendor = {
  type: 'openai',
  title: 'OpenAI',
  baseUrl: 'https://api.openai.com/v1',
  baseUrlVariable: { name: 'OPENAI_BASE_URL' },
  keyVariable: 'OPENAI_API_KEY',
  models: ['gpt-*', 'text-embedding-3*', 'gpt-image-1', 'dall-e-3', 'whisper-1', 'omni-moderation*', 'sora-*'],
  defaultModel: 'gpt-4o',
  generic: [moderations],
}
/** The models from before schemas of answers: https://platform.openai.com/docs/guides/structured-outputs */
const withoutSchemas = ['gpt-3.5-turbo*', 'gpt-4-turbo*', 'gpt-4o-2024-05-13']
/** The models that complete text; any other is asked in a chat. */
const completes = ['gpt-3.5-turbo-instruct*', 'davinci-002', 'babbage-002']
const chat = compatible(openaiClient, {
  ...vendor,
  media: ['generateImages', 'synthesize', 'video'],
  options: {
    limitField: 'max_completion_tokens',
    embeddings: { compact: true, tokensAtOnce: 300_000 },
    completes,
    withoutSchemas,
  },
})
const responses = compatible(responsesClient, vendor)

const settings = compatibleSettings({ ...responsesClient.options, ...openaiClient.options }).extend({
  api: z.enum(['chat', 'responses']).default('chat').describe('Which API is asked: chat completions, or responses.'),
})

/** OpenAI, and whatever speaks its chat completions or its Responses API at another base URL. */
export default definePlugin({
  manifest: { ...chat.manifest, settings },
  async create({ baseUrl, own }, host) {
    const all = await chat.create({ baseUrl, own }, host)
    // Everything but chats is asked for in the same way.
    return own.api === 'responses' ? { ...all, ...(await responses.create({ baseUrl, own }, host)) } : all
  },
})
