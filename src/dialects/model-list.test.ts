import { create, toJson } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { ModelSchema } from '#gen/switchyard/v1/registry_pb.ts'
import { models as anthropic } from './anthropic/models.ts'
import { models as cohere } from './cohere/models.ts'
import type { ModelsDialect } from './contract.ts'
import { models as gemini } from './gemini/models.ts'
import { models as ollama } from './ollama/models.ts'
import { models as openai } from './openai/models.ts'

/** What a body says in the contract's terms, as proto JSON. */
function read(dialect: Pick<ModelsDialect<never>, 'decode'>, body: unknown) {
  const { models, next } = dialect.decode(typeof body === 'string' ? body : JSON.stringify(body))
  return { models: models.map((model) => toJson(ModelSchema, create(ModelSchema, model))), next }
}

describe('the list of chat completions', () => {
  // Each as its vendor documents it.
  test.each<[vendor: string, item: object, model: object]>([
    [
      'OpenAI',
      { id: 'gpt-4o', object: 'model', created: 1_715_367_049, owned_by: 'system' },
      { id: 'gpt-4o', created: '2024-05-10T18:50:49Z', ownedBy: 'system' },
    ],
    [
      'Groq',
      {
        id: 'llama',
        object: 'model',
        created: 1_693_721_698,
        owned_by: 'Meta',
        active: true,
        context_window: 8192,
        max_completion_tokens: 4096,
      },
      { id: 'llama', created: '2023-09-03T06:14:58Z', ownedBy: 'Meta', contextTokens: '8192', maxOutputTokens: '4096' },
    ],
    [
      'OpenRouter',
      {
        id: 'maker/model',
        created: 1_741_818_122,
        context_length: 131_072,
        architecture: { input_modalities: ['text', 'image'], output_modalities: ['text'] },
        top_provider: { context_length: 131_072, max_completion_tokens: 8192 },
      },
      {
        id: 'maker/model',
        created: '2025-03-12T22:22:02Z',
        contextTokens: '131072',
        maxOutputTokens: '8192',
        inputModalities: ['text', 'image'],
        outputModalities: ['text'],
      },
    ],
    [
      'Mistral',
      {
        id: 'mistral-small',
        created: 1,
        owned_by: 'mistralai',
        capabilities: { completion_chat: true, vision: false },
        max_context_length: 32_768,
      },
      {
        id: 'mistral-small',
        created: '1970-01-01T00:00:01Z',
        ownedBy: 'mistralai',
        operations: ['chat'],
        contextTokens: '32768',
      },
    ],
    [
      'vLLM',
      { id: 'qwen', owned_by: 'vllm', max_model_len: 40_960 },
      { id: 'qwen', ownedBy: 'vllm', contextTokens: '40960' },
    ],
    [
      'Copilot',
      {
        id: 'm',
        vendor: 'X',
        capabilities: { type: 'embeddings', limits: { max_context_window_tokens: 9, max_output_tokens: 3 } },
      },
      { id: 'm', ownedBy: 'X', operations: ['embed'], contextTokens: '9', maxOutputTokens: '3' },
    ],
  ])('of %s', (_, item, model) => {
    expect(read(openai, { object: 'list', data: [item] })).toEqual({ models: [model], next: undefined })
  })

  test('as a bare list, as one vendor has it', () => {
    const body = [{ id: 'a', type: 'image', organization: 'O', context_length: 0 }, 'no model', { object: 'model' }]
    expect(read(openai, body).models).toEqual([{ id: 'a', ownedBy: 'O', operations: ['generateImages'] }])
  })

  test('with nonsense in it, which is not believed', () => {
    const item = {
      id: 'a',
      created: 'yesterday',
      owned_by: 5,
      context_length: -1,
      max_model_len: 1e300,
      type: 'toString',
    }
    expect(read(openai, { data: [item, { id: 7 }, { id: '' }] }).models).toEqual([{ id: 'a' }])
  })
})

test("Anthropic's list, by pages", () => {
  const item = {
    type: 'model',
    id: 'claude-x',
    display_name: 'Claude X',
    created_at: '2026-02-04T00:00:00Z',
    max_input_tokens: 200_000,
    max_tokens: 64_000,
    capabilities: { image_input: { supported: true }, pdf_input: { supported: true }, batch: { supported: true } },
  }
  expect(read(anthropic, { data: [item], has_more: true, first_id: 'claude-x', last_id: 'claude-x' })).toEqual({
    models: [
      {
        id: 'claude-x',
        created: '2026-02-04T00:00:00Z',
        ownedBy: 'anthropic',
        operations: ['chat'],
        contextTokens: '200000',
        maxOutputTokens: '64000',
        inputModalities: ['text', 'image', 'pdf'],
        outputModalities: ['text'],
      },
    ],
    next: 'claude-x',
  })
  expect(read(anthropic, { data: [], has_more: false, last_id: null }).next).toBeUndefined()
  expect([anthropic.query?.(undefined), anthropic.query?.('a b')]).toEqual([
    '?limit=1000',
    '?limit=1000&after_id=a%20b',
  ])
})

test("Gemini's list, by pages", () => {
  const item = {
    name: 'models/gemini-x',
    displayName: 'Gemini X',
    inputTokenLimit: 1_048_576,
    outputTokenLimit: 65_536,
    supportedGenerationMethods: ['generateContent', 'countTokens', 'createCachedContent'],
  }
  expect(read(gemini, { models: [item], nextPageToken: 'n' })).toEqual({
    models: [
      { id: 'gemini-x', ownedBy: 'google', operations: ['chat'], contextTokens: '1048576', maxOutputTokens: '65536' },
    ],
    next: 'n',
  })
  expect(read(gemini, '{}')).toEqual({ models: [], next: undefined })
  expect(gemini.query?.('x=y')).toBe('?pageSize=1000&pageToken=x%3Dy')
})

test("Cohere's list, by pages", () => {
  const item = { name: 'command-x', endpoints: ['chat', 'rerank'], finetuned: false, context_length: 256_000 }
  expect(read(cohere, { models: [item], next_page_token: 'n' })).toEqual({
    models: [{ id: 'command-x', ownedBy: 'cohere', operations: ['chat'], contextTokens: '256000' }],
    next: 'n',
  })
  expect(cohere.query?.('n')).toBe('?page_size=1000&page_token=n')
})

test("Ollama's models on the disk", () => {
  const body = {
    models: [{ name: 'gemma3:latest', model: 'gemma3:latest', modified_at: '2025-05-04T00:00:00Z', size: 1 }],
  }
  expect(read(ollama, body)).toEqual({ models: [{ id: 'gemma3:latest' }], next: undefined })
})

describe('a body that is no list', () => {
  test.each(['', '<html>', 'null', '5', '{}', '{"data":{}}', '{"models":null}'])(
    'is a fault of the provider (%s)',
    (text) => {
      for (const dialect of [openai, anthropic, cohere, ollama, ...(text === '{}' ? [] : [gemini])]) {
        expect(() => dialect.decode(text)).toThrow(expect.objectContaining({ reason: 'provider_error' }) as Error)
      }
    },
  )
})
