import { create } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { expect, test } from 'vitest'
import { type Model, ModelSchema, ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { RequestFacts } from '../contract.ts'
import type { Surface } from '../surface.ts'
import { absent, routes } from './routes.ts'
import { platformServer } from './server.ts'

const noon = timestampFromDate(new Date('2026-03-05T12:00:00.000Z'))
const providers = [
  create(ProviderSchema, {
    id: 'a1b2c3d4',
    name: 'openai',
    type: 'openai',
    defaultModel: 'gpt-4o',
    envVar: 'OPENAI_API_KEY',
    created: noon,
    updated: noon,
  }),
  create(ProviderSchema, {
    id: '0000ffff',
    name: 'a1b2c3d4',
    type: 'ollama',
    baseUrl: 'http://127.0.0.1:11434',
    settings: { headers: { 'x-team': 'red' } },
  }),
]
const models: Model[] = [
  create(ModelSchema, {
    id: 'gpt-4o',
    provider: 'openai',
    ownedBy: 'acme',
    operations: ['chat'],
    contextTokens: 128_000n,
    maxOutputTokens: 16_384n,
    inputModalities: ['text', 'image'],
    outputModalities: ['text'],
    created: noon,
  }),
  create(ModelSchema, { id: 'tiny', provider: 'local' }),
]
const notAsked = (): never => {
  throw new Error('not asked for here')
}
const surface: Surface = {
  registry: {
    createProvider: notAsked,
    updateProvider: notAsked,
    deleteProvider: notAsked,
    syncModels: notAsked,
    aliases: notAsked,
    setAlias: notAsked,
    deleteAlias: notAsked,
    providers: () => providers,
    model: notAsked,
    models: (provider) => models.filter((model) => provider === undefined || model.provider === provider),
  },
  get keys(): never {
    return notAsked()
  },
  get videos(): never {
    return notAsked()
  },
  get batches(): never {
    return notAsked()
  },
  get usage(): never {
    return notAsked()
  },
  get files(): never {
    return notAsked()
  },
}

function get(path: string, query = '', params: RequestFacts['params'] = {}): unknown {
  const route = routes.find((candidate) => candidate.method === 'GET' && candidate.path === path)
  const facts = { requestId: 'req-1', header: () => undefined, query: new URLSearchParams(query), params }
  const body = JSON.parse(JSON.stringify(route?.answer(facts, surface, undefined))) as unknown
  expect(route?.response.safeParse(body).error).toBeUndefined()
  return body
}

const openai = {
  id: 'a1b2c3d4',
  name: 'openai',
  type: 'openai',
  defaultModel: 'gpt-4o',
  envVar: 'OPENAI_API_KEY',
  created: '2026-03-05T12:00:00.000Z',
  updated: '2026-03-05T12:00:00.000Z',
}

test('lists providers as the page shows one', () => {
  const local = {
    id: '0000ffff',
    name: 'a1b2c3d4',
    type: 'ollama',
    defaultModel: '',
    envVar: '',
    baseUrl: 'http://127.0.0.1:11434',
    settings: { headers: { 'x-team': 'red' } },
  }
  expect(get('/api/v1/inference/providers')).toEqual({ success: true, data: [openai, local] })
})

test.each(['a1b2c3d4', 'openai'])('finds the provider %s, an id before a name', (idOrName) => {
  expect(get('/api/v1/inference/providers/:idOrName', '', { idOrName })).toEqual({ success: true, data: openai })
})

test('says that there is no such provider', () => {
  const missing = expect.objectContaining({ reason: 'not_found' })
  expect(() => get('/api/v1/inference/providers/:idOrName', '', { idOrName: 'nobody' })).toThrow(missing)
})

test('lists models with what is known of them', () => {
  expect(get('/api/v1/inference/models')).toEqual({
    success: true,
    data: [
      {
        id: 'gpt-4o',
        provider: 'openai',
        ownedBy: 'acme',
        operations: ['chat'],
        contextTokens: 128_000,
        maxOutputTokens: 16_384,
        inputModalities: ['text', 'image'],
        outputModalities: ['text'],
        created: '2026-03-05T12:00:00.000Z',
      },
      { id: 'tiny', provider: 'local' },
    ],
  })
})

test.each([
  ['provider=local', ['tiny']],
  ['provider=', ['gpt-4o', 'tiny']],
  ['provider=nobody', []],
])('lists models filtered by %s', (query, ids) => {
  const { data } = get('/api/v1/inference/models', query) as { data: { id: string }[] }
  expect(data.map(({ id }) => id)).toEqual(ids)
})

test('lets providers be read and changed by those who may, and models be seen by those who may use them', () => {
  const rights = routes.map(({ method, path, permission }) => `${method} ${path.split('/')[4]} ${permission}`)
  expect(new Set(rights)).toEqual(
    new Set([
      'GET providers providers:read',
      'POST providers providers:write',
      'PUT providers providers:write',
      'DELETE providers providers:write',
      'GET models models:use',
      'POST models providers:write',
    ]),
  )
})

test('knows the rest of the page', () => {
  const rest = ['embed', 'images', 'transcribe'].map((path) => `/api/v1/inference/${path}`)
  const served = new Set((platformServer.operations ?? []).map(({ path }) => path))
  const unknown = rest.filter((path) => !served.has(path) && !absent.some((prefix) => path.startsWith(prefix)))
  expect(unknown).toEqual([])
})
