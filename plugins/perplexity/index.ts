import { compatible, definePlugin, openaiClient } from '#provider'

/** Perplexity, whose models search the web. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'perplexity',
    title: 'Perplexity',
    baseUrl: 'https://api.perplexity.ai',
    keyVariable: 'PERPLEXITY_API_KEY',
    modelsPath: false,
    operations: [],
  }),
)
