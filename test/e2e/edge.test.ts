import { describe, expect, test } from 'vitest'
import { ask } from '../faults/client.ts'
import { status, whole } from '../faults/upstream.ts'
import { type Way, ways } from '../faults/ways.ts'
import { askJson, bearer, getJson, keyEntry, saying, sharedGateway } from './gateway.ts'

const gateway = await sharedGateway({
  config: { server: { body_limit_bytes: 4096 }, aliases: { fast: ['simulator/echo'], slow: ['simulator/lorem'] } },
})
gateway.upstream.answer('well', status(200, whole))

const message = expect.any(String)

/** What an error is in each dialect, to the last field. */
const shapes: Readonly<Record<string, object>> = {
  openai: { error: { message, type: 'invalid_request_error', code: expect.toBeOneOf([message, null]), param: null } },
  platform: { success: false, error: { code: expect.stringMatching(/^[A-Z_]+$/), message } },
  scaigrid: {
    status: 'error',
    error: { code: expect.stringMatching(/^[a-z_]+$/), message },
    meta: { request_id: 'of-the-edge' },
  },
  sgp: { detail: message },
}

interface Sent {
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | URLSearchParams
}

const own = { 'x-request-id': 'of-the-edge' }

describe.each(ways)('errors below the base path of $name', (way) => {
  const url = gateway.url + way.path(false)
  const base = url.slice(0, url.lastIndexOf('/'))
  const shape = shapes[way.name]
  const json = { 'content-type': 'application/json' }

  test.each<[string, number, Sent]>([
    ['an unknown path', 404, { method: 'GET', url: `${base}/nothing/here?at=all` }],
    ['an unknown path that is posted to', 404, { method: 'POST', url: `${base}/nothing`, headers: json, body: '{}' }],
    ['a path that cannot be decoded', 400, { method: 'GET', url: `${base}/%zz` }],
    ['a method that is wrong', 405, { method: 'GET', url }],
    ['a method that is wrong, with a body', 405, { method: 'PUT', url, headers: json, body: '{}' }],
    ['a method nobody has', 404, { method: 'PROPFIND', url }],
    [
      'no preflight without an allowed origin',
      405,
      { method: 'OPTIONS', url, headers: { origin: 'https://a.example' } },
    ],
    ['a body that is too large', 413, { method: 'POST', url, headers: json, body: ' '.repeat(5000) }],
    ['a body of another type', 415, { method: 'POST', url, headers: { 'content-type': 'text/plain' }, body: '{}' }],
    ['a form', 415, { method: 'POST', url, body: new URLSearchParams({ model: 'm' }) }],
    [
      'a body of another coding',
      415,
      { method: 'POST', url, headers: { ...json, 'content-encoding': 'zstd' }, body: '{}' },
    ],
    [
      'a body that is not what its coding says',
      400,
      { method: 'POST', url, headers: { ...json, 'content-encoding': 'gzip' }, body: '{}' },
    ],
    ['no body', 400, { method: 'POST', url, headers: json }],
    ['half a body', 400, { method: 'POST', url, headers: json, body: '{"model":"simulator/echo","mess' }],
    ['a list', 400, { method: 'POST', url, headers: json, body: '[]' }],
    ['a word', 400, { method: 'POST', url, headers: json, body: '"model"' }],
  ])('%s is %i', async (_what, httpStatus, { url: target, headers = {}, ...init }) => {
    const answer = await fetch(target, { ...init, headers: { ...own, ...headers } })
    const body = await answer.text()
    expect([answer.status, answer.headers.get('content-type')]).toEqual([httpStatus, 'application/json'])
    expect(JSON.parse(body)).toEqual(shape)
    expect(answer.headers.get('x-request-id')).toBe('of-the-edge')
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect(answer.headers.get('allow')).toBe(httpStatus === 405 ? 'POST' : null)
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  test('HEAD has the head of the answer alone', async () => {
    const answer = await fetch(url, { method: 'HEAD', headers: own })
    expect([answer.status, await answer.text()]).toEqual([405, ''])
    expect(answer.headers.get('x-request-id')).toBe('of-the-edge')
  })

  test('the connection can be used for the next request after each of them', async () => {
    for (const body of ['{', '[]', '{}']) await ask(url, body)
    expect((await ask(url, way.body('simulator/echo', false))).status).toBe(200)
  })
})

test('a request id that nobody could use is replaced', async () => {
  for (const id of ['has space', 'x'.repeat(129), 'semi;colon', 'ä']) {
    const { headers } = await ask(gateway.url + '/v1/chat/completions', {}, { 'x-request-id': id })
    expect(headers['x-request-id']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}$/)
  }
})

test('what can be read can be asked for by HEAD', async () => {
  for (const path of ['/v1/models', '/v1/models/simulator/echo', '/api/v1/inference/providers', '/healthz']) {
    const [head, get] = [await fetch(gateway.url + path, { method: 'HEAD' }), await fetch(gateway.url + path)]
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(await get.text())))
  }
})

test('a name longer than any is refused in the shape of its dialect', async () => {
  const { status: code, json } = await getJson(`${gateway.url}/api/v1/inference/providers/${'x'.repeat(600)}`)
  expect([code, json]).toEqual([400, { success: false, error: { code: 'BAD_REQUEST', message } }])
  expect((await getJson(`${gateway.url}/v1/models/${'x'.repeat(600)}`)).status).toBe(404)
})

test('a path that belongs to nobody is told plainly', async () => {
  for (const [path, code] of [
    ['/', 404],
    ['/nothing', 404],
    ['/%zz', 400],
    ['/v11/chat', 404],
  ] as const) {
    const { status: found, json } = await getJson(gateway.url + path)
    expect([found, json]).toEqual([code, { error: { reason: expect.any(String), message } }])
  }
})

// ------------------------------------------------------------------------------------------------- what is not carried

describe('fields that the provider cannot carry', () => {
  const strict = { 'x-switchyard-strict': 'true' }
  const withField = (way: Way, model: string): object => {
    const body = way.body(model, false)
    return 'args' in body ? { ...body, args: { ...(body.args as object), made_up: 1 } } : { ...body, made_up: 1 }
  }

  test.each(ways)('are named, and refused when that is asked for: $name to the simulator', async (way) => {
    const body = withField(way, 'simulator/echo')
    for (const streaming of [false, true]) {
      const answer = await ask(gateway.url + way.path(streaming), body)
      expect([answer.status, answer.headers['x-switchyard-dropped']]).toEqual([200, 'made_up'])
    }
    const refused = await askJson(gateway.url + way.path(false), body, strict)
    expect(refused.status).toBe(400)
    expect(refused.text).toContain('made_up')
    expect((await ask(gateway.url + way.path(false), way.body('simulator/echo', false), strict)).status).toBe(200)
  })

  test.each(ways.filter(({ name }) => name === 'platform' || name === 'scaigrid'))(
    'are named when the upstream speaks another dialect: $name',
    async (way) => {
      const body = withField(way, 'up/well')
      const answer = await ask(gateway.url + way.path(false), body)
      expect([answer.status, answer.headers['x-switchyard-dropped']]).toEqual([200, 'made_up'])
      const before = gateway.upstream.received('well').length
      expect((await askJson(gateway.url + way.path(false), body, strict)).status).toBe(400)
      expect(gateway.upstream.received('well')).toHaveLength(before)
    },
  )

  test.each(ways.filter(({ name }) => name === 'openai' || name === 'sgp'))(
    'reach an upstream that may know them: $name',
    async (way) => {
      const answer = await ask(gateway.url + way.path(false), withField(way, 'up/well'), strict)
      expect([answer.status, answer.headers['x-switchyard-dropped']]).toEqual([200, undefined])
      expect(JSON.parse(gateway.upstream.received('well').at(-1)?.body ?? '')).toHaveProperty('made_up', 1)
    },
  )

  test('are named one by one, by where they are', async () => {
    const body = {
      model: 'simulator/echo',
      messages: [{ ...saying('x')[0], mood: 'good' }],
      safety_identifier: 's',
      audio: { voice: 'alto', format: 'wav' },
    }
    const { headers } = await ask(`${gateway.url}/v1/chat/completions`, body)
    const dropped = headers['x-switchyard-dropped']?.toString().split(', ').toSorted()
    expect(dropped).toEqual(['audio', 'messages[0].mood', 'safety_identifier'])
  })
})

// --------------------------------------------------------------------------------------------------------------- keys

describe('a key', async () => {
  const guarded = await sharedGateway({
    config: {
      aliases: { fast: ['simulator/echo'], 'fast-and-long': ['simulator/lorem'], other: ['simulator/lorem'] },
      keys: [
        keyEntry('narrow', 'sk-narrow', { models: ['fast*', 'simulator/status-*'] }),
        keyEntry('targets', 'sk-targets', { models: ['simulator/*'], permissions: ['models:use', 'providers:read'] }),
        keyEntry('none', 'sk-none', { permissions: ['usage:read'] }),
        keyEntry('admin', 'sk-admin', { permissions: ['admin'] }),
      ],
    },
  })
  const names = async (key: string): Promise<string[]> => {
    const { json } = await getJson(`${guarded.url}/v1/models`, bearer(key))
    return (json as { data: { id: string }[] }).data.map(({ id }) => id)
  }

  test('sees the models it may use, and no others', async () => {
    const narrow = await names('sk-narrow')
    expect(narrow).toEqual(expect.arrayContaining(['fast', 'fast-and-long', 'simulator/status-429']))
    expect(narrow.filter((name) => !/^(fast|simulator\/status-)/.test(name))).toEqual([])
    expect((await getJson(`${guarded.url}/v1/models/other`, bearer('sk-narrow'))).status).toBe(404)
    expect((await getJson(`${guarded.url}/v1/models/fast`, bearer('sk-narrow'))).status).toBe(200)
    expect(await names('sk-admin')).toEqual(expect.arrayContaining(['fast', 'other', 'simulator/echo', 'up/gpt-4o']))
    expect((await getJson(`${guarded.url}/v1/models`, bearer('sk-none'))).status).toBe(403)
    expect((await getJson(`${guarded.url}/v1/models`)).status).toBe(401)
  })

  test.each(ways)('may use these models and no others, by $name', async (way) => {
    const asked = async (model: string, key: string): Promise<number> =>
      (await ask(guarded.url + way.path(false), way.body(model, false), bearer(key))).status
    const slash = way.name === 'sgp'
    expect(await asked(slash ? 'simulator/status-429' : 'fast', 'sk-narrow')).toBe(slash ? 429 : 200)
    expect(await asked('simulator/lorem', 'sk-narrow')).toBe(403)
    expect(await asked('simulator/lorem', 'sk-targets')).toBe(200)
    if (!slash) expect(await asked('other', 'sk-narrow')).toBe(403)
    if (!slash) expect(await asked('other', 'sk-targets')).toBe(200)
    expect(await asked('simulator/echo', 'sk-none')).toBe(403)
    expect(await asked('simulator/echo', 'sk-admin')).toBe(200)
  })

  test('may not reach a model under an allowed name by choosing the provider', async () => {
    const body = { providerId: 'simulator', model: 'fast-and-dear', messages: saying('x') }
    const answer = await ask(`${guarded.url}/api/v1/inference/chat`, body, bearer('sk-narrow'))
    expect(answer.status).toBe(403)
  })

  test('needs a permission for each thing it does', async () => {
    const providers = async (key: string): Promise<number> =>
      (await getJson(`${guarded.url}/api/v1/inference/providers`, bearer(key))).status
    expect(await providers('sk-narrow')).toBe(403)
    expect(await providers('sk-targets')).toBe(200)
    expect(await providers('sk-admin')).toBe(200)
  })

  test('is nothing that an answer or the log repeats', async () => {
    const { text } = await ask(`${guarded.url}/v1/chat/completions`, {}, bearer('sk-wrong-and-secret'))
    expect(text + guarded.log()).not.toMatch(/sk-wrong-and-secret|sk-narrow|sk-admin/)
  })
})
