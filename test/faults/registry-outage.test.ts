import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { RegistryService } from '#gen/switchyard/v1/registry_pb.ts'
import type { ProviderRow, Store } from '../../src/store/contract.ts'
import { openStore } from '../../src/store/open.ts'
import { dataDir } from '../data-dir.ts'
import { bearer, keyEntry } from '../e2e/gateway.ts'
import { Gate } from '../services/gate.ts'
import { type Postgres, startPostgres } from '../services/postgres.ts'
import { type FaultyGateway, openGateway } from './gateway.ts'
import { type FaultUpstream, startFaultUpstream, well } from './upstream.ts'

const masterKey = 'k1:0202020202020202020202020202020202020202020202020202020202020202'
const secret = 'canary-of-a-registered-provider'

let postgres: Postgres
let upstream: FaultUpstream
beforeAll(async () => {
  postgres = await startPostgres()
  upstream = await startFaultUpstream()
  for (const model of ['m', 'listed']) upstream.answer(model, well)
})
afterAll(async () => {
  await upstream.close()
  await postgres.end()
})

const ends: (() => PromiseLike<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

interface Bed {
  readonly gate: Gate
  /** The database itself, past the gate. */
  readonly location: string
  readonly open: () => Promise<FaultyGateway>
}

/** Gateways that reach one database through a gate, and keep their data in one folder. */
async function bedOf(config: Readonly<Record<string, object>> = {}): Promise<Bed> {
  const location = await postgres.database()
  const { hostname, port, href } = new URL(location)
  const gate = await Gate.open(hostname, Number(port))
  ends.push(() => gate.close())
  const folder = dataDir()
  const env = {
    SWITCHYARD_DATABASE_URL: href.replace(`${hostname}:${port}`, `127.0.0.1:${gate.port}`),
    SWITCHYARD_MASTER_KEY: masterKey,
  }
  return { gate, location, open: () => openGateway({ env, config, dataDir: folder }) }
}

async function storeAt(location: string): Promise<Store> {
  const store = await openStore(location)
  ends.push(() => store.close())
  return store
}

async function http(
  { url }: FaultyGateway,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  const answer = await fetch(url + path, {
    method,
    headers: { ...type, ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: answer.status, text: await answer.text() }
}

const providers = '/api/v1/inference/providers'
const chat = (gateway: FaultyGateway, model: string, headers?: Record<string, string>) =>
  http(gateway, 'POST', '/v1/chat/completions', { model, messages: [{ role: 'user', content: 'hi' }] }, headers)

/** A provider with a key in the store, and an alias that leads to it. */
async function register(gateway: FaultyGateway): Promise<void> {
  const body = { name: 'north', type: 'openai', baseUrl: upstream.url, apiKey: secret }
  expect((await http(gateway, 'POST', providers, body)).status).toBe(201)
  const registry = createClient(RegistryService, createGrpcTransport({ baseUrl: gateway.url }))
  await registry.setAlias({ alias: { name: 'steady', targets: [{ provider: 'north', model: 'm' }] } })
}

const keyShown = (): string | undefined => upstream.received().at(-1)?.headers.authorization

test('a gateway that starts while the database is down serves what was registered, and takes over when it is back', async () => {
  const { gate, location, open } = await bedOf()
  {
    await using first = await open()
    await register(first)
    expect((await chat(first, 'steady')).status).toBe(200)
  }
  gate.cut()
  const gateway = await open()
  ends.push(() => gateway[Symbol.asyncDispose]())
  expect(gateway.log()).toContain('starting from the last snapshot')
  expect((await chat(gateway, 'steady')).status).toBe(200)
  expect(keyShown()).toBe(`Bearer ${secret}`)
  expect((await http(gateway, 'GET', `${providers}/north`)).status).toBe(200)
  expect((await http(gateway, 'GET', '/readyz')).status).toBe(200)

  // What would have to be stored is refused, and changes nothing.
  const refused = await http(gateway, 'POST', providers, { name: 'south', type: 'simulator' })
  expect(refused.status).toBe(503)
  expect(refused.text).toContain('UNAVAILABLE')
  expect((await http(gateway, 'DELETE', `${providers}/north`)).status).toBe(503)
  expect((await chat(gateway, 'steady')).status).toBe(200)

  // Meanwhile somebody else changes the database.
  const store = await storeAt(location)
  const [row] = await store.registry.providers()
  if (row === undefined) expect.fail('the provider is gone')
  await store.registry.updateProvider({ ...row, name: 'arctic', updated: row.updated + 1 }, row.updated)
  gate.admit()
  await expect.poll(async () => (await chat(gateway, 'arctic/m')).status).toBe(200)
  expect((await chat(gateway, 'north/m')).status).toBe(404)
  expect((await http(gateway, 'POST', providers, { name: 'south', type: 'simulator' })).status).toBe(201)
  expect(gateway.log()).not.toContain(secret)
})

test('a gateway that runs goes on when the database goes away, and sees afterwards what it missed', async () => {
  const { gate, location, open } = await bedOf()
  const gateway = await open()
  ends.push(() => gateway[Symbol.asyncDispose]())
  await register(gateway)
  gate.cut()
  const south = { name: 'south', type: 'simulator' }
  await expect.poll(async () => (await http(gateway, 'POST', providers, south)).status).toBe(503)
  for (let call = 0; call < 10; call++) expect((await chat(gateway, 'steady')).status).toBe(200)
  expect((await http(gateway, 'GET', '/readyz')).status).toBe(200)
  const store = await storeAt(location)
  await store.registry.deleteAlias('steady')
  gate.admit()
  await expect.poll(async () => (await chat(gateway, 'steady')).status).toBe(404)
})

test('without a snapshot, what is configured is served from the start, and what is registered when the database is there', async () => {
  const key = 'sk-of-the-operator'
  const { gate, location, open } = await bedOf({
    keys: [keyEntry('operator', key, { permissions: ['admin'] })] as never,
  })
  const store = await storeAt(location)
  await store.registry.setAlias({
    name: 'steady',
    targets: [{ provider: 'up', model: 'm', order: 0, weight: 1 }],
    updated: 1,
  })
  gate.cut()
  const gateway = await open()
  ends.push(() => gateway[Symbol.asyncDispose]())
  gateway.upstream.answer('m', well)
  expect(gateway.log()).toContain('only what is configured is served')
  expect((await chat(gateway, 'up/m', bearer(key))).status).toBe(200)
  expect((await chat(gateway, 'steady', bearer(key))).status).toBe(404)
  gate.admit()
  await expect.poll(async () => (await chat(gateway, 'steady', bearer(key))).status).toBe(200)
})

describe('rows that are poison harm only themselves', () => {
  const row = (id: string, more: Partial<ProviderRow>): ProviderRow => ({
    id,
    name: `bad-${id}`,
    type: 'openai',
    defaultModel: '',
    baseUrl: upstream.url,
    settings: '{}',
    secret: { kind: 'none' },
    created: 1,
    updated: 1,
    ...more,
  })
  const sealedElsewhere = { keyId: 'k1', nonce: 'AAAAAAAAAAAAAAAA', sealed: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }

  test.each(['SQLite', 'PostgreSQL'])('on %s', async (engine) => {
    const folder = dataDir()
    const location = engine === 'SQLite' ? `${folder}/switchyard.db` : await postgres.database()
    const env = {
      SWITCHYARD_MASTER_KEY: masterKey,
      ...(engine === 'PostgreSQL' && { SWITCHYARD_DATABASE_URL: location }),
    }
    const gateway = await openGateway({ env, dataDir: folder })
    ends.push(() => gateway[Symbol.asyncDispose]())
    await register(gateway)

    // Neither the snapshot nor the store, nor the log, holds the key.
    const kept = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    expect(kept.map(({ name }) => name)).toContain('snapshot.json')
    for (const { parentPath, name } of kept) expect(readFileSync(join(parentPath, name)).includes(secret)).toBe(false)
    expect(gateway.log()).not.toContain(secret)

    const { registry } = await storeAt(location)
    for (const bad of [
      row('1', { type: 'nobody' }),
      row('2', { settings: '{"nonsense":true}' }),
      row('3', { secret: { kind: 'env', variable: 'NOT_HERE_API_KEY' } }),
      row('4', { secret: { kind: 'env', variable: 'PATH' } }),
      row('5', { secret: { kind: 'file', path: '/etc/passwd' } }),
      row('6', { secret: { kind: 'stored', secret: sealedElsewhere } }),
      row('7', { baseUrl: 'not a URL' }),
      row('8', { settings: 'not JSON' }),
      row('9', { name: 'n'.repeat(5000) }),
      row('10', { name: '' }),
      row('11', { name: 'up' }),
      row('12', { settings: JSON.stringify({ headers: { x: 'y'.repeat(2_000_000) } }) }),
    ])
      await registry.createProvider(bad)
    const to = (provider: string, model: string) => ({ provider, model, order: 0, weight: 1 })
    const alias = (name: string, ...targets: ReturnType<typeof to>[]) =>
      registry.setAlias({ name, targets, updated: 1 })
    await alias('round', to('', 'about'))
    await alias('about', to('', 'round'))
    await alias('lost', to('nobody', 'm'))
    await alias('n'.repeat(5000), to('north', 'm'))
    await alias('half', to('nobody', 'm'), to('north', 'm'))
    await registry.sawModels(
      'north',
      [
        { model: 'bad', facts: 'not JSON' },
        { model: 'listed', facts: '{}' },
      ],
      5,
    )

    // What was written last need not be seen last: the tables are read beside each other.
    for (const name of ['listed', 'half']) await expect.poll(async () => (await chat(gateway, name)).status).toBe(200)
    expect((await chat(gateway, 'steady')).status).toBe(200)
    for (const name of ['round', 'about', 'lost'])
      expect([name, (await chat(gateway, name)).status]).toEqual([name, 404])
    for (const id of ['1', '2', '3', '4', '5', '6', '7'])
      expect([id, (await chat(gateway, `bad-${id}/m`)).status]).toEqual([id, 502])
    expect((await chat(gateway, 'bad-8/m')).status).toBe(404)

    const { data } = JSON.parse((await http(gateway, 'GET', providers)).text) as {
      data: { name: string; problem?: string }[]
    }
    const problems = new Map(data.map(({ name, problem }) => [name, problem ?? '']))
    for (const id of ['1', '2', '3', '4', '5', '6', '7']) expect(problems.get(`bad-${id}`)).toMatch(/cannot be used: /)
    expect([problems.get('north'), problems.get('up')]).toEqual(['', ''])
    expect((await http(gateway, 'DELETE', `${providers}/bad-1`)).status).toBe(200)
    expect((await http(gateway, 'GET', '/readyz')).status).toBe(200)
  })
})
