import { compatible, definePlugin, openaiClient } from '#provider'

/** xAI, which makes Grok. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'xai',
    title: 'xAI',
    catalog: 'x-ai',
    baseUrl: 'https://api.x.ai/v1',
    keyVariable: 'XAI_API_KEY',
    operations: ['generateImages'],
    options: {
      limitField: 'max_completion_tokens',
      imageRefuses: ['size', 'style', 'background', 'moderation', 'output_compression'],
    },
  }),
)
