import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FaultyGateway, openGateway } from '../faults/gateway.ts'
import { dataDir } from '../data-dir.ts'
import { well } from '../faults/upstream.ts'
import { startPostgres } from '../services/postgres.ts'
import { bearer, keyEntry, saying } from './gateway.ts'

const masterKey = 'k1:0101010101010101010101010101010101010101010101010101010101010101'
const canaryKey = 'sk-canary-of-a-registered-key'

interface Answer {
  readonly status: number
  readonly body: {
    readonly success: boolean
    /** A provider's fields, all of them text in these tests; a list is read by {@link names}. */
    readonly data: Readonly<Record<string, string>>
    readonly error: { readonly code: string; readonly message: string }
  }
}

/** One request as curl makes it. */
async function http(
  gateway: FaultyGateway,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await fetch(`${gateway.url}/api/v1/inference/${path}`, {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as Answer['body'] }
}

const chat = (gateway: FaultyGateway, body: object): Promise<Answer> =>
  http(gateway, 'POST', 'chat', { messages: saying('Hello'), ...body })

/** The names of a list. */
const names = ({ body }: Answer): string[] => (body.data as unknown as { name: string }[]).map(({ name }) => name)

/** What an error says: its status, code and message. */
const told = ({ status, body }: Answer): string => `${status} ${body.error?.code}: ${body.error?.message}`

describe('providers over the platform routes', () => {
  let gateway: FaultyGateway
  const env = { SWITCHYARD_MASTER_KEY: masterKey, NORTH_API_KEY: 'k-north', OPENAI_API_KEY: 'k-openai' }
  const ask = (method: string, path: string, body?: unknown): Promise<Answer> => http(gateway, method, path, body)
  const up = (): object => ({ type: 'openai', baseUrl: gateway.upstream.url, envVar: 'NORTH_API_KEY' })

  beforeAll(async () => {
    // No vendor is implied by its key, since the configuration has one of that type.
    gateway = await openGateway({ env, config: { aliases: { steady: ['up/m'] } } })
    gateway.upstream.answer('m', well)
    gateway.upstream.answer('m-1', well)
  })
  afterAll(() => gateway[Symbol.asyncDispose]())

  test('register, read, change, serve and delete one', async () => {
    const made = await ask('POST', 'providers', { name: 'north', defaultModel: 'm-1', ...up() })
    expect(made.status).toBe(201)
    const { id, created, updated, ...rest } = made.body.data
    expect(id).toMatch(/^[0-9a-f]{8}$/)
    expect(rest).toEqual({
      name: 'north',
      type: 'openai',
      defaultModel: 'm-1',
      envVar: 'NORTH_API_KEY',
      baseUrl: gateway.upstream.url,
    })
    expect([created, updated]).toEqual([created, created])

    for (const idOrName of [id, 'north']) {
      const read = await ask('GET', `providers/${idOrName}`)
      expect(read).toEqual({ status: 200, body: made.body })
    }
    expect(names(await ask('GET', 'providers'))).toEqual(['up', 'north', 'simulator'])

    await chat(gateway, { providerId: id })
    expect(gateway.upstream.received().at(-1)?.headers['authorization']).toBe('Bearer k-north')

    const changed = await ask('PUT', `providers/${id}`, { defaultModel: 'm-2', name: 'arctic' })
    expect(changed.status).toBe(200)
    expect(changed.body.data).toEqual({
      ...made.body.data,
      defaultModel: 'm-2',
      name: 'arctic',
      updated: expect.anything(),
    })
    expect((changed.body.data['updated'] ?? '') > (created ?? '')).toBe(true)
    expect(told(await ask('GET', 'providers/north'))).toBe('404 NOT_FOUND: there is no provider "north"')

    expect(await ask('DELETE', 'providers/arctic')).toEqual({ status: 200, body: { success: true, data: { id } } })
    expect((await ask('GET', `providers/${id}`)).status).toBe(404)
    expect((await ask('DELETE', `providers/${id}`)).status).toBe(404)
    expect((await chat(gateway, { model: 'arctic/m' })).status).toBe(404)
  })

  test('a name is unique, and one of the configuration file is not to be had', async () => {
    await ask('POST', 'providers', { name: 'taken', ...up() })
    expect(told(await ask('POST', 'providers', { name: 'taken', ...up() }))).toBe(
      '409 CONFLICT: there is a provider "taken" already',
    )
    expect(told(await ask('POST', 'providers', { name: 'up', ...up() }))).toBe(
      '409 CONFLICT: the name "up" belongs to a provider of the configuration file; choose another',
    )
    const other = await ask('POST', 'providers', { name: 'other', ...up() })
    const { id } = other.body.data
    expect(told(await ask('PUT', `providers/${id}`, { name: 'taken' }))).toMatch(/^409 CONFLICT: .*"taken" already/)
    expect(told(await ask('PUT', `providers/${id}`, { name: 'up' }))).toMatch(/^409 CONFLICT: .*configuration file/)
    for (const method of ['PUT', 'DELETE']) {
      const body = method === 'PUT' ? { defaultModel: 'x' } : undefined
      expect(told(await ask(method, 'providers/up', body))).toBe(
        '409 CONFLICT: the provider "up" is declared in the configuration file; it can only be changed there',
      )
      expect(told(await ask(method, 'providers/simulator', body))).toMatch(
        /^409 CONFLICT: .*declared by the environment/,
      )
    }
    await ask('DELETE', 'providers/taken')
    await ask('DELETE', 'providers/other')
  })

  test.each<[what: string, body: object, told: RegExp]>([
    ['no name', { type: 'openai' }, /^400 BAD_REQUEST: name is required/],
    ['an empty name', { name: '', type: 'openai' }, /^400 BAD_REQUEST: name/],
    ['a name with a slash', { name: 'a/b', type: 'openai' }, /^400 BAD_REQUEST: name: must be/],
    ['no type', { name: 'x' }, /^400 BAD_REQUEST: type is required/],
    [
      'an unknown type',
      { name: 'x', type: 'nobody' },
      /^400 BAD_REQUEST: there is no plugin of type "nobody"; loaded are: ai-sdk, .*xai/,
    ],
    ['a misspelt field', { name: 'x', type: 'openai', defaultModle: 'm' }, /^400 BAD_REQUEST: .*defaultModle/],
    ['a field of the wrong type', { name: 'x', type: 'openai', baseUrl: 5 }, /^400 BAD_REQUEST: baseUrl: /],
    [
      'an address that is none',
      { name: 'x', type: 'openai', baseUrl: 'localhost' },
      /^400 BAD_REQUEST: baseUrl: must be an http/,
    ],
    [
      'a password in the address',
      { name: 'x', type: 'openai', baseUrl: 'http://u:p@h' },
      /^400 BAD_REQUEST: baseUrl: must be/,
    ],
    [
      'a variable that may not be read',
      { name: 'x', type: 'openai', envVar: 'PATH' },
      /^400 BAD_REQUEST: envVar: only \*_API_KEY/,
    ],
    [
      'a key instead of its variable',
      { name: 'x', type: 'openai', envVar: 'sk-1' },
      /^400 BAD_REQUEST: envVar: must be the name/,
    ],
    [
      'a file that may not be read',
      { name: 'x', type: 'openai', keyFile: '/etc/passwd' },
      /^400 BAD_REQUEST: keyFile: only files in/,
    ],
    [
      'a way out of a folder',
      { name: 'x', type: 'openai', keyFile: '/run/secrets/../a' },
      /^400 BAD_REQUEST: keyFile: only files/,
    ],
    [
      'a key in two places',
      { name: 'x', type: 'openai', envVar: 'X_API_KEY', apiKey: 'k' },
      /^400 BAD_REQUEST: .*envVar, apiKey or keyFile/,
    ],
    [
      'a key of two lines',
      { name: 'x', type: 'openai', apiKey: 'a\r\nb: c' },
      /^400 BAD_REQUEST: apiKey: must be a key/,
    ],
    [
      'a setting of the wrong type',
      { name: 'x', type: 'openai', settings: { headers: { a: 1 } } },
      /^400 BAD_REQUEST: settings\.headers\.a: /,
    ],
    [
      'a setting that is unknown',
      { name: 'x', type: 'openai', settings: { nonsense: 1 } },
      /^400 BAD_REQUEST: settings: .*nonsense/,
    ],
    ['a provider without an address', { name: 'x', type: 'azure-openai' }, /^400 BAD_REQUEST: .*needs a baseUrl/],
    [
      'a package to be loaded',
      { name: 'x', type: 'ai-sdk', settings: { package: 'undici' } },
      /^400 BAD_REQUEST: settings\.package: .*only the configuration/,
    ],
    [
      'a file of credentials',
      { name: 'x', type: 'vertex', settings: { project: 'p', credentials_file: '/etc/passwd' } },
      /^400 BAD_REQUEST: settings\.credentials_file: /,
    ],
    [
      "another host for the gateway's own tokens",
      { name: 'x', type: 'vertex', baseUrl: 'http://h', settings: { project: 'p' } },
      /^400 BAD_REQUEST: baseUrl: /,
    ],
  ])('%s is refused, and the field is named', async (_, body, expected) => {
    expect(told(await ask('POST', 'providers', body))).toMatch(expected)
    expect(names(await ask('GET', 'providers'))).toEqual(['up', 'simulator'])
  })

  test('a new address needs the key again; other changes do not', async () => {
    await ask('POST', 'providers', { name: 'north', ...up() })
    const elsewhere = 'http://127.0.0.1:9'
    expect(told(await ask('PUT', 'providers/north', { baseUrl: elsewhere }))).toMatch(
      /^400 BAD_REQUEST: a new baseUrl could lead the key elsewhere: give the key again \(envVar, apiKey or keyFile\)/,
    )
    expect((await ask('GET', 'providers/north')).body.data['baseUrl']).toBe(gateway.upstream.url)
    expect((await ask('PUT', 'providers/north', { baseUrl: gateway.upstream.url, settings: {} })).status).toBe(200)
    for (const key of [{ envVar: 'NORTH_API_KEY' }, { apiKey: 'k' }, { envVar: '' }]) {
      expect(
        (await ask('PUT', 'providers/north', { baseUrl: `${elsewhere}${Object.keys(key).length}`, ...key })).status,
      ).toBe(200)
      await ask('PUT', 'providers/north', { baseUrl: gateway.upstream.url, envVar: 'NORTH_API_KEY' })
    }
    // Without a key there is none to lead astray.
    await ask('PUT', 'providers/north', { envVar: '' })
    expect((await ask('PUT', 'providers/north', { baseUrl: elsewhere })).status).toBe(200)
    await ask('DELETE', 'providers/north')
  })

  test('what an answer shows can be sent back; the type cannot be changed', async () => {
    const made = await ask('POST', 'providers', { name: 'north', ...up() })
    expect((await ask('PUT', 'providers/north', made.body.data)).status).toBe(200)
    expect(told(await ask('PUT', 'providers/north', { type: 'anthropic' }))).toMatch(/^400 BAD_REQUEST: type: cannot/)
    await ask('DELETE', 'providers/north')
  })

  test('a key that is given is used, and never shown again', async () => {
    const made = await ask('POST', 'providers', { name: 'sealed', ...up(), envVar: undefined, apiKey: canaryKey })
    expect(made.status).toBe(201)
    expect(made.body.data).toMatchObject({ keySource: 'stored', envVar: '' })
    await chat(gateway, { providerId: 'sealed', model: 'm' })
    expect(gateway.upstream.received().at(-1)?.headers['authorization']).toBe(`Bearer ${canaryKey}`)
    const seen = [made, await ask('GET', 'providers'), await ask('GET', 'providers/sealed')]
    expect(JSON.stringify(seen)).not.toContain('canary')
    expect(gateway.log()).not.toContain(canaryKey)
    await ask('DELETE', 'providers/sealed')
  })
})

describe('who may', () => {
  let gateway: FaultyGateway
  beforeAll(async () => {
    gateway = await openGateway({
      config: {
        keys: [
          keyEntry('reader', 'sk-reader', { permissions: ['providers:read'] }),
          keyEntry('writer', 'sk-writer', { permissions: ['providers:write'] }),
          keyEntry('user', 'sk-user', { permissions: ['models:use'] }),
        ] as never,
      },
    })
  })
  afterAll(() => gateway[Symbol.asyncDispose]())

  test.each([
    ['POST', 'providers', { name: 'a', type: 'simulator' }],
    ['PUT', 'providers/simulator', {}],
    ['DELETE', 'providers/simulator', undefined],
  ])('%s %s needs providers:write', async (method, path, body) => {
    expect((await http(gateway, method, path, body)).status).toBe(401)
    for (const key of ['sk-reader', 'sk-user'])
      expect(told(await http(gateway, method, path, body, bearer(key)))).toMatch(/^403 FORBIDDEN: .*providers:write/)
    expect((await http(gateway, method, path, body, bearer('sk-writer'))).status).not.toBe(403)
  })

  test('reading needs providers:read', async () => {
    expect((await http(gateway, 'GET', 'providers', undefined, bearer('sk-user'))).status).toBe(403)
    expect((await http(gateway, 'GET', 'providers', undefined, bearer('sk-reader'))).status).toBe(200)
  })
})

describe('without a master key', () => {
  test('a key cannot be stored, and it is said what to do', async () => {
    await using gateway = await openGateway()
    const answer = await http(gateway, 'POST', 'providers', { name: 'x', type: 'openai', apiKey: canaryKey })
    expect(told(answer)).toMatch(/^400 BAD_REQUEST: this gateway has no SWITCHYARD_MASTER_KEY, .*variable or a file/)
    expect(JSON.stringify(answer)).not.toContain('canary')
  })
})

describe.each(['SQLite', 'PostgreSQL'])('two replicas on one %s', (engine) => {
  let env: Record<string, string> = { SWITCHYARD_MASTER_KEY: masterKey, NORTH_API_KEY: 'k-north' }
  let one: FaultyGateway
  let two: FaultyGateway
  const folder = dataDir()
  const ends: (() => Promise<void>)[] = []

  beforeAll(async () => {
    if (engine === 'PostgreSQL') {
      const postgres = await startPostgres()
      ends.push(() => postgres.end())
      env = { ...env, SWITCHYARD_DATABASE_URL: await postgres.database() }
    }
    one = await openGateway({ env, dataDir: engine === 'SQLite' ? folder : dataDir() })
    one.upstream.answer('m', well)
    two = await openGateway({ env: { ...env, NORTH_API_KEY: '' }, dataDir: engine === 'SQLite' ? folder : dataDir() })
  })
  afterAll(async () => {
    await one[Symbol.asyncDispose]()
    await two[Symbol.asyncDispose]()
    for (const end of ends) await end()
  })

  test('a change is served by the one at once, and by the other soon after', async () => {
    const body = {
      name: 'north',
      type: 'openai',
      baseUrl: one.upstream.url,
      envVar: 'NORTH_API_KEY',
      defaultModel: 'm',
    }
    const { data } = (await http(one, 'POST', 'providers', body)).body
    expect((await http(one, 'GET', 'providers/north')).status).toBe(200)
    await expect.poll(async () => (await http(two, 'GET', 'providers/north')).status).toBe(200)

    // The key is on the one machine only: the other says what it lacks, and everything else of it serves.
    expect((await chat(one, { providerId: 'north' })).status).toBe(200)
    expect(told(await chat(two, { providerId: 'north' }))).toBe(
      '502 PROVIDER_ERROR: the provider "north" cannot be used: the environment variable NORTH_API_KEY is not set',
    )
    expect((await http(two, 'GET', 'providers/north')).body.data['problem']).toContain('NORTH_API_KEY')
    expect((await chat(two, { model: 'simulator/echo' })).status).toBe(200)

    // A key in the store is the same everywhere.
    await http(two, 'PUT', 'providers/north', { apiKey: canaryKey })
    expect((await chat(two, { providerId: 'north' })).status).toBe(200)
    const shown = async (): Promise<string | undefined> => {
      await chat(one, { providerId: 'north' })
      return one.upstream.received().at(-1)?.headers.authorization
    }
    await expect.poll(shown).toBe(`Bearer ${canaryKey}`)

    await http(two, 'DELETE', `providers/${data['id']}`)
    await expect.poll(async () => (await http(one, 'GET', 'providers/north')).status).toBe(404)
  })

  test('a call in flight keeps its route when its provider is deleted', async () => {
    const gate = Promise.withResolvers<void>()
    one.upstream.answer('slow', async (response, asked) => {
      await gate.promise
      await well(response, asked)
    })
    const body = { name: 'busy', type: 'openai', baseUrl: one.upstream.url, envVar: 'NORTH_API_KEY' }
    await http(one, 'POST', 'providers', body)
    const call = chat(one, { model: 'busy/slow' })
    await expect.poll(() => one.upstream.received('slow')).toHaveLength(1)
    expect((await http(one, 'DELETE', 'providers/busy')).status).toBe(200)
    expect((await chat(one, { model: 'busy/slow' })).status).toBe(404)
    gate.resolve()
    expect((await call).status).toBe(200)
  })
})
