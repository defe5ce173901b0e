import { compatible, definePlugin, openaiClient } from '#provider'

/** OpenRouter, which asks many vendors in turn. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'openrouter',
    title: 'OpenRouter',
    baseUrl: 'https://openrouter.ai/api/v1',
    keyVariable: 'OPENROUTER_API_KEY',
    operations: ['generate', 'embed'],
    // Asked for base64, some of those it asks answer with no vectors at all.
    options: { reasoningField: 'reasoning', linked: ['image', 'file'], embeddings: { formats: ['float'] } },
  }),
)
