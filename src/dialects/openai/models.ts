import type { ListedModel, ModelsDialect } from '../contract.ts'
import { createdAt, type Fields, fieldsOf, listIn, textOf, tokensOf, wordsOf } from '../model-list.ts'

/**
 * The list of models as OpenAI has it: names, makers and dates. Vendors with the same format tell more, each in words of its own:
 * limits in tokens, modalities, and what a model is for.
 */
export const models: ModelsDialect<unknown> = {
  path: () => '/models',
  decode: (text) => ({ models: listIn(text, 'data', 'models').items.flatMap(read) }),
}

function read(item: Fields): ListedModel[] {
  const id = textOf(item['id']) ?? textOf(item['name'])
  if (id === undefined) return []
  const architecture = fieldsOf(item['architecture'])
  const capabilities = fieldsOf(item['capabilities'])
  const limits = fieldsOf(capabilities['limits'])
  return [
    {
      id,
      ...createdAt(item['created']),
      ownedBy: textOf(item['owned_by']) ?? textOf(item['organization']) ?? textOf(item['vendor']) ?? '',
      contextTokens: tokensOf(
        item['context_length'],
        item['context_window'],
        item['max_context_length'],
        item['max_model_len'],
        limits['max_context_window_tokens'],
      ),
      maxOutputTokens: tokensOf(
        item['max_completion_tokens'],
        item['max_output_tokens'],
        item['max_output_length'],
        fieldsOf(item['top_provider'])['max_completion_tokens'],
        limits['max_output_tokens'],
      ),
      inputModalities: firstList(architecture['input_modalities'], item['input_modalities']),
      outputModalities: firstList(architecture['output_modalities'], item['output_modalities']),
      operations: operationsOf(item, capabilities),
    },
  ]
}

function firstList(...values: readonly unknown[]): string[] {
  return values.map(wordsOf).find((words) => words.length > 0) ?? []
}

/** What some vendors call the kinds of models. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  chat: ['chat'],
  language: ['generate'],
  code: ['generate'],
  embedding: ['embed'],
  embeddings: ['embed'],
  image: ['generateImages'],
  transcribe: ['transcribe'],
  audio: ['synthesize'],
  video: ['createVideo'],
}

function operationsOf(item: Fields, capabilities: Fields): string[] {
  const kind = textOf(item['type']) ?? textOf(capabilities['type'])
  const known = kind !== undefined && Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
  if (known !== undefined) return [...known]
  return capabilities['completion_chat'] === true ? ['chat'] : []
}
