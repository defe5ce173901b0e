import { cohereClient, compatible, definePlugin } from '#provider'
import { rerank } from './rerank.ts'

/** Cohere, by its own chat of version 2, and what it has beside. */
export default definePlugin(
  compatible(cohereClient, {
    type: 'cohere',
    title: 'Cohere',
    baseUrl: 'https://api.cohere.com',
    baseUrlVariable: { name: 'CO_API_URL' },
    keyVariable: 'COHERE_API_KEY',
    models: ['command-*', 'c4ai-*', 'embed-*', 'rerank-v*'],
    defaultModel: 'command-a-03-2025',
    generic: [rerank],
  }),
)
