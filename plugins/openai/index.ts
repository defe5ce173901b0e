import { compatible, definePlugin, openaiClient } from '#provider'

/** OpenAI, and whatever speaks its chat completions at another base URL. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'openai',
    title: 'OpenAI',
    baseUrl: 'https://api.openai.com/v1',
    baseUrlVariable: { name: 'OPENAI_BASE_URL' },
    keyVariable: 'OPENAI_API_KEY',
    models: ['gpt-*', 'text-embedding-3*', 'gpt-image-1', 'dall-e-3', 'whisper-1'],
    defaultModel: 'gpt-4o',
    options: { limitField: 'max_completion_tokens' },
  }),
)
