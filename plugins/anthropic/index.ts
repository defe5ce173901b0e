import { anthropicClient, compatible, definePlugin } from '#provider'

/** Anthropic, by its own messages API. */
export default definePlugin(
  compatible(anthropicClient, {
    type: 'anthropic',
    title: 'Anthropic',
    baseUrl: 'https://api.anthropic.com',
    baseUrlVariable: { name: 'ANTHROPIC_BASE_URL' },
    keyVariable: 'ANTHROPIC_API_KEY',
    models: ['claude*'],
    defaultModel: 'claude-sonnet-4-20250514',
    authorization: (secret) => ({ 'x-api-key': secret }),
  }),
)
