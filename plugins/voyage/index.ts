import { compatible, definePlugin, type GenericEndpoint, openaiClient } from '#provider'

const rerank: GenericEndpoint = {
  operation: 'rerank',
  path: '/rerank',
  means: (model, args) => model.startsWith('rerank') || ('query' in args && 'documents' in args),
}

/** Voyage AI, which makes embeddings, ranks documents, and does not chat. */
export default definePlugin(
  compatible(openaiClient, {
    type: 'voyage',
    title: 'Voyage AI',
    baseUrl: 'https://api.voyageai.com/v1',
    keyVariable: 'VOYAGE_API_KEY',
    models: ['voyage-*', 'rerank-2*'],
    chats: false,
    operations: ['embed'],
    generic: [rerank],
    options: {
      embeddings: {
        inputs: 1000,
        // Of the larger models; the smaller ones take more.
        tokensAtOnce: 120_000,
        dimensions: 'output_dimension',
        purpose: { field: 'input_type', words: { query: 'query', document: 'document' } },
        user: false,
        tokens: false,
        // Numbers are what comes without a word.
        formats: ['base64'],
        compact: true,
      },
    },
  }),
)
