import type { ListedModel, ModelsDialect } from '../contract.ts'
import { type Fields, listIn, textOf } from '../model-list.ts'

/** The models that an Ollama has on its disk. It tells no limits here, and what a model is for only when it is asked for each. */
export const models: ModelsDialect<unknown> = {
  path: () => '/api/tags',
  decode: (text) => ({ models: listIn(text, 'models').items.flatMap(read) }),
}

function read(item: Fields): ListedModel[] {
  const id = textOf(item['model']) ?? textOf(item['name'])
  return id === undefined ? [] : [{ id }]
}
