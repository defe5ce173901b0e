import { compatible, definePlugin, openaiClient } from '#provider'

/** Voyage AI, which makes embeddings and does not chat. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'voyage',
    title: 'Voyage AI',
    baseUrl: 'https://api.voyageai.com/v1',
    keyVariable: 'VOYAGE_API_KEY',
    models: ['voyage-*'],
    chats: false,
    operations: ['embed'],
    options: {
      embeddings: {
        inputs: 1000,
        dimensions: 'output_dimension',
        purpose: 'input_type',
        user: false,
        tokens: false,
        // Numbers are what comes without a word.
        formats: ['base64'],
        compact: true,
      },
    },
  }),
)
