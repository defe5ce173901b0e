import { compatible, definePlugin, openaiClient } from '#provider'

/** Cloudflare Workers AI, whose address holds the account: CLOUDFLARE_ACCOUNT_ID, or a base_url that ends in /ai/v1. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'cloudflare',
    title: 'Cloudflare Workers AI',
    catalog: 'cloudflare-workers-ai',
    baseUrlVariable: {
      name: 'CLOUDFLARE_ACCOUNT_ID',
      toBaseUrl: (account) => `https://api.cloudflare.com/client/v4/accounts/${account}/ai/v1`,
    },
    keyVariable: 'CLOUDFLARE_API_KEY',
    modelsPath: false,
    operations: ['embed'],
    options: { embeddings: { inputs: 100, tokens: false } },
  }),
)
