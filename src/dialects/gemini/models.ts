import type { ListedModel, ModelsDialect } from '../contract.ts'
import { type Fields, listIn, textOf, tokensOf, wordsOf } from '../model-list.ts'
import type { GeminiOptions } from './encode-request.ts'

/** The list of models of Google's Gemini API, a thousand a page. */
export const models: ModelsDialect<GeminiOptions> = {
  path: ({ apiVersion }) => `/${apiVersion}/models`,
  query: (cursor) => `?pageSize=1000${cursor === undefined ? '' : `&pageToken=${encodeURIComponent(cursor)}`}`,
  decode(text) {
    const { body, items } = listIn(text === '{}' ? '{"models":[]}' : text, 'models')
    const next = textOf(body['nextPageToken'])
    return { models: items.flatMap(read), ...(next !== undefined && { next }) }
  },
}

/** What the methods of a model are here. */
const methods: Readonly<Record<string, string>> = {
  generateContent: 'chat',
  embedContent: 'embed',
  predict: 'generateImages',
  predictLongRunning: 'createVideo',
}

function read(item: Fields): ListedModel[] {
  const id = textOf(item['name'])?.replace(/^models\//, '')
  if (id === undefined) return []
  const operations = wordsOf(item['supportedGenerationMethods']).flatMap((method) => methods[method] ?? [])
  return [
    {
      id,
      ownedBy: 'google',
      operations: [...new Set(operations)],
      contextTokens: tokensOf(item['inputTokenLimit']),
      maxOutputTokens: tokensOf(item['outputTokenLimit']),
    },
  ]
}
