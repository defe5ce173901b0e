import type { ListedModel, ModelsDialect } from '../contract.ts'
import { type Fields, listIn, textOf, tokensOf, wordsOf } from '../model-list.ts'

/** The list of models of Cohere's API, a thousand a page. */
export const models: ModelsDialect<unknown> = {
  path: () => '/v1/models',
  query: (cursor) => `?page_size=1000${cursor === undefined ? '' : `&page_token=${encodeURIComponent(cursor)}`}`,
  decode(text) {
    const { body, items } = listIn(text, 'models')
    const next = textOf(body['next_page_token'])
    return { models: items.flatMap(read), ...(next !== undefined && { next }) }
  },
}

/** What the endpoints of a model are here. */
const endpoints: Readonly<Record<string, string>> = { chat: 'chat', generate: 'generate', embed: 'embed' }

function read(item: Fields): ListedModel[] {
  const id = textOf(item['name'])
  if (id === undefined) return []
  return [
    {
      id,
      ownedBy: 'cohere',
      operations: wordsOf(item['endpoints']).flatMap((endpoint) => endpoints[endpoint] ?? []),
      contextTokens: tokensOf(item['context_length']),
    },
  ]
}
