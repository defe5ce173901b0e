import { compatible, definePlugin, openaiClient } from '#provider'

const { manifest, create } = compatible(openaiClient, {
  type: 'voyage',
  title: 'Voyage AI',
  baseUrl: 'https://api.voyageai.com/v1',
  keyVariable: 'VOYAGE_API_KEY',
  models: ['voyage-*'],
  modelsPath: false,
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
})

/** Voyage AI, which makes embeddings and does not chat. */
export default definePlugin({
  manifest,
  async create(settings, host) {
    const { embed } = await create(settings, host)
    return { ...(embed && { embed }) }
  },
})
