import { cohereClient, compatible, definePlugin } from '#provider'

/** Cohere, by its own chat of version 2. */
export default definePlugin(
  compatible(cohereClient, {
    type: 'cohere',
    title: 'Cohere',
    baseUrl: 'https://api.cohere.com',
    baseUrlVariable: { name: 'CO_API_URL' },
    keyVariable: 'COHERE_API_KEY',
    models: ['command-*', 'c4ai-*'],
    defaultModel: 'command-a-03-2025',
  }),
)
