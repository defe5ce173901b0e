import type { ModelsDialect } from '../contract.ts'
import { createdAt, type Fields, fieldsOf, listIn, textOf, tokensOf } from '../model-list.ts'
import type { MessagesOptions } from './encode-request.ts'

/** The list of models of Anthropic's API, a thousand a page; every one of them chats. */
export const models: ModelsDialect<MessagesOptions> = {
  path: () => '/v1/models',
  query: (cursor) => `?limit=1000${cursor === undefined ? '' : `&after_id=${encodeURIComponent(cursor)}`}`,
  headers: ({ version }) => ({ 'anthropic-version': version }),
  decode(text) {
    const { body, items } = listIn(text, 'data')
    const next = body['has_more'] === true ? textOf(body['last_id']) : undefined
    return { models: items.flatMap(read), ...(next !== undefined && { next }) }
  },
}

function read(item: Fields) {
  const id = textOf(item['id'])
  if (id === undefined) return []
  const capabilities = fieldsOf(item['capabilities'])
  const has = (name: string): boolean => fieldsOf(capabilities[name])['supported'] === true
  return [
    {
      id,
      ...createdAt(item['created_at']),
      ownedBy: 'anthropic',
      operations: ['chat'],
      contextTokens: tokensOf(item['max_input_tokens']),
      maxOutputTokens: tokensOf(item['max_tokens']),
      inputModalities: ['text', ...(has('image_input') ? ['image'] : []), ...(has('pdf_input') ? ['pdf'] : [])],
      outputModalities: ['text'],
    },
  ]
}
