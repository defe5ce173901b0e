import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RegistryService } from '#gen/switchyard/v1/registry_pb.ts'
import { type FaultyGateway, openGateway } from '../faults/gateway.ts'
import { getJson, openaiSdk, saying } from './gateway.ts'

/** What an upstream does with a request for its list. */
type Listing = (request: IncomingMessage, response: ServerResponse) => void

const json =
  (body: object, status = 200): Listing =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

const chatAnswer = {
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
}

const asked: { readonly method: string; readonly url: string; readonly headers: IncomingMessage['headers'] }[] = []
/** What was asked of models. */
const bodies: Record<string, unknown>[] = []
const listings = new Map<string, Listing>()
const server = createServer((request, response) => {
  const { method = '', url = '', headers } = request
  asked.push({ method, url, headers })
  if (url.endsWith('/chat/completions')) {
    void text(request).then((body) => bodies.push(JSON.parse(body) as Record<string, unknown>))
    return json(chatAnswer)(request, response)
  }
  request.resume()
  const listing = [...listings].find(([path]) => url.startsWith(path))?.[1] ?? json({ error: 'no such path' }, 404)
  listing(request, response)
})
let base = ''
let gateway: FaultyGateway

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = (type: string, path = '') => ({
    name: type,
    type,
    base_url: `${base}/${type}${path}`,
    env_var: 'V_API_KEY',
  })
  gateway = await openGateway({
    env: { V_API_KEY: 'canary-of-a-vendor', OPENAI_API_KEY: 'x' },
    config: { timeouts: { first_event: '150ms', connect: '1s' }, aliases: { '*': ['simulator/echo'] } },
    providers: () => [
      provider('vllm', '/v1'),
      provider('mistral', '/v1'),
      provider('anthropic'),
      provider('gemini'),
      provider('cohere'),
      provider('ollama'),
      provider('perplexity'),
      { ...provider('vllm'), name: 'nowhere', base_url: 'http://127.0.0.1:1' },
    ],
  })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  asked.length = 0
  listings.clear()
})

interface Model {
  readonly id: string
  readonly firstSeen?: string
  readonly lastSeen?: string
}

/** The sync route, as curl asks it. */
async function sync(
  provider: unknown,
): Promise<{ status: number; data: Model[]; error: { code: string; message: string } }> {
  const answer = await fetch(`${gateway.url}/api/v1/inference/models/sync`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ provider }),
  })
  return {
    status: answer.status,
    ...((await answer.json()) as { data: Model[]; error: { code: string; message: string } }),
  }
}

async function listed(provider: string): Promise<Model[]> {
  const { json: body } = await getJson(`${gateway.url}/api/v1/inference/models?provider=${provider}`)
  return (body as { data: Model[] }).data
}

const ids = (models: readonly Model[]): string[] => models.map(({ id }) => id)

test('stores what the provider lists, and remembers since when', async () => {
  listings.set(
    '/vllm/v1/models',
    json({ object: 'list', data: [{ id: 'one', owned_by: 'vllm', max_model_len: 4096 }] }),
  )
  const first = await sync('vllm')
  expect(first).toMatchObject({
    status: 200,
    success: true,
    data: [{ id: 'vllm/one', provider: 'vllm', ownedBy: 'vllm', contextTokens: 4096 }],
  })
  expect(asked).toMatchObject([
    { method: 'GET', url: '/vllm/v1/models', headers: { authorization: 'Bearer canary-of-a-vendor' } },
  ])
  const [one] = first.data
  expect(one?.firstSeen).toBe(one?.lastSeen)

  await expect.poll(() => new Date().toISOString() > (one?.lastSeen ?? '')).toBe(true)
  listings.set('/vllm/v1/models', json({ data: [{ id: 'one' }, { id: 'two' }] }))
  const second = await sync('vllm')
  expect(ids(second.data)).toEqual(['vllm/one', 'vllm/two'])
  expect(second.data[0]?.firstSeen).toBe(one?.firstSeen)
  expect((second.data[0]?.lastSeen ?? '') > (one?.lastSeen ?? '')).toBe(true)
  expect(await listed('vllm')).toEqual(second.data)

  const all = await openaiSdk(gateway).models.list()
  expect(ids(all.data)).toContain('vllm/two')
  const own = await getJson(`${gateway.url}/v1/models?provider=vllm`)
  expect(ids((own.json as { data: Model[] }).data)).toEqual(['vllm/one', 'vllm/two'])
})

test('a model that was listed is found by its own name, and labels metrics', async () => {
  listings.set('/vllm/v1/models', json({ data: [{ id: 'very-own' }] }))
  await sync('vllm')
  const messages = saying('Hello')
  const { choices } = await openaiSdk(gateway).chat.completions.create({ model: 'very-own', messages })
  expect(choices[0]?.message.content).toBe('hello')
  expect(await gateway.metrics()).toMatch(/switchyard_requests_total\{[^}]*provider="vllm",model="very-own"/)
})

describe('reads the list of each format, all of its pages:', () => {
  const page =
    (of: (query: URLSearchParams) => object): Listing =>
    (request, response) => {
      json(of(new URL(request.url ?? '', base).searchParams))(request, response)
    }

  test.each<[provider: string, path: string, listing: Listing, models: string[], header: string]>([
    [
      'mistral',
      '/mistral/v1/models',
      json({ data: [{ id: 'm1', capabilities: { completion_chat: true } }] }),
      ['m1'],
      'authorization',
    ],
    [
      'anthropic',
      '/anthropic/v1/models',
      page((query) =>
        query.get('after_id') === 'c1'
          ? { data: [{ id: 'c2' }], has_more: false, last_id: 'c2' }
          : { data: [{ id: 'c1' }], has_more: true, last_id: 'c1' },
      ),
      ['c1', 'c2'],
      'x-api-key',
    ],
    [
      'gemini',
      '/gemini/v1beta/models',
      page((query) =>
        query.get('pageToken') === 'next'
          ? { models: [{ name: 'models/g2' }] }
          : { models: [{ name: 'models/g1' }], nextPageToken: 'next' },
      ),
      ['g1', 'g2'],
      'x-goog-api-key',
    ],
    [
      'cohere',
      '/cohere/v1/models',
      page((query) =>
        query.get('page_token') === 'next'
          ? { models: [{ name: 'h2' }] }
          : { models: [{ name: 'h1' }], next_page_token: 'next' },
      ),
      ['h1', 'h2'],
      'authorization',
    ],
    ['ollama', '/ollama/api/tags', json({ models: [{ model: 'l1', name: 'l1' }] }), ['l1'], 'authorization'],
  ])('%s', async (provider, path, listing, models, header) => {
    listings.set(path, listing)
    const { status, data } = await sync(provider)
    expect(status).toBe(200)
    expect(ids(data)).toEqual(expect.arrayContaining(models.map((id) => `${provider}/${id}`)))
    for (const { headers } of asked) expect(headers[header]).toContain('canary-of-a-vendor')
  })

  test('a list without an end is left after a hundred pages', async () => {
    let pages = 0
    listings.set('/cohere/v1/models', (request, response) => {
      pages += 1
      json({ models: [{ name: `h-${pages}` }], next_page_token: `t-${pages}` })(request, response)
    })
    expect((await sync('cohere')).status).toBe(200)
    expect(pages).toBe(100)
  })
})

test('what the provider does not tell is filled in from the catalog, and what it tells is kept', async () => {
  const name = 'claude-sonnet-4-20250514'
  listings.set('/anthropic/v1/models', json({ data: [{ id: name, max_input_tokens: 7 }], has_more: false }))
  const { data } = await sync('anthropic')
  expect(data.find(({ id }) => id === `anthropic/${name}`)).toMatchObject({
    operations: ['chat'],
    contextTokens: 7,
    maxOutputTokens: 64_000,
  })
})

describe('when it goes wrong nothing changes', () => {
  beforeEach(async () => {
    listings.set('/vllm/v1/models', json({ data: [{ id: 'before' }] }))
    await sync('vllm')
    listings.clear()
  })

  test.each<[what: string, listing: Listing, status: number, code: string]>([
    ['the key is refused', json({ error: { message: 'bad key canary-of-a-vendor' } }, 401), 502, 'PROVIDER_ERROR'],
    ['it fails', json({ error: 'no' }, 500), 502, 'PROVIDER_ERROR'],
    ['it is down', json({ error: 'no' }, 503), 503, 'UNAVAILABLE'],
    ['it asks to come back later', json({ error: 'no' }, 429), 429, 'RATE_LIMITED'],
    ['it has no list', json({ error: 'no' }, 404), 400, 'BAD_REQUEST'],
    ['the list is none', json({ data: 'no' }), 502, 'PROVIDER_ERROR'],
    ['it says nothing', () => undefined, 504, 'TIMEOUT'],
    [
      'it breaks off',
      (_request, response) => void response.writeHead(200).write('{"da', () => response.destroy()),
      502,
      'PROVIDER_ERROR',
    ],
  ])('%s', async (_, listing, status, code) => {
    const before = await listed('vllm')
    listings.set('/vllm/v1/models', listing)
    const answer = await sync('vllm')
    expect([answer.status, answer.error.code]).toEqual([status, code])
    expect(JSON.stringify(answer)).not.toContain('canary')
    expect(await listed('vllm')).toEqual(before)
  })

  test('the upstream cannot be reached', async () => {
    expect(await sync('nowhere')).toMatchObject({
      status: 502,
      success: false,
      error: { code: 'PROVIDER_ERROR', message: 'the provider could not be reached' },
    })
  })

  test('a second page fails', async () => {
    listings.set('/cohere/v1/models', (request, response) => {
      const again = (request.url ?? '').includes('page_token')
      json(again ? {} : { models: [{ name: 'half' }], next_page_token: 't' }, again ? 500 : 200)(request, response)
    })
    expect((await sync('cohere')).status).toBe(502)
    expect(ids(await listed('cohere'))).not.toContain('cohere/half')
  })
})

test.each<[provider: unknown, status: number, message: RegExp]>([
  ['perplexity', 400, /the provider "perplexity" \(type perplexity\) cannot list its models/],
  ['nobody', 404, /there is no provider "nobody"/],
  ['', 400, /provider/],
  [undefined, 400, /provider is required/],
])('a provider that cannot be asked (%s) is told', async (provider, status, message) => {
  const answer = await sync(provider)
  expect(answer.status).toBe(status)
  expect(answer.error.message).toMatch(message)
})

describe('max_tokens of the scaigrid API', () => {
  const limitSent = async (path: string, model: string, limit: number): Promise<unknown> => {
    const answer = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: saying('Hello'), max_tokens: limit }),
    })
    expect(answer.status).toBe(200)
    const { max_tokens: one, max_completion_tokens: other } = bodies.at(-1) ?? {}
    return one ?? other
  }
  const scaigrid = '/v1/inference/chat'

  test('is capped to what the provider says its model can write', async () => {
    listings.set('/vllm/v1/models', json({ data: [{ id: 'short', max_output_tokens: 77 }] }))
    await sync('vllm')
    expect(await limitSent(scaigrid, 'vllm/short', 100)).toBe(77)
    expect(await limitSent(scaigrid, 'vllm/short', 50)).toBe(50)
  })

  test('is capped to what the catalog knows', async () => {
    expect(await limitSent(scaigrid, 'mistral/open-mistral-7b', 1_000_000)).toBe(8000)
  })

  test('is passed on where nobody knows, and in every other API', async () => {
    expect(await limitSent(scaigrid, 'vllm/nobody-knows', 1_000_000)).toBe(1_000_000)
    expect(await limitSent('/v1/chat/completions', 'vllm/short', 100)).toBe(100)
  })
})

test('over RPC', async () => {
  const registry = createClient(RegistryService, createGrpcTransport({ baseUrl: gateway.url }))
  listings.set('/mistral/v1/models', json({ data: [{ id: 'by-rpc', max_context_length: 5 }] }))
  const { models } = await registry.syncModels({ provider: 'mistral' })
  expect(models.find(({ id }) => id === 'mistral/by-rpc')).toMatchObject({ contextTokens: 5n, lastSeen: {} })
  const failed = await registry.syncModels({ provider: 'nowhere' }).catch((error: unknown) => ConnectError.from(error))
  expect(failed instanceof ConnectError && Code[failed.code]).toBe('Unavailable')
})
