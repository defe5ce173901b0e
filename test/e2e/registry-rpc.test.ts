import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toJsonString } from '@bufbuild/protobuf'
import { ProviderSchema, RegistryService } from '#gen/switchyard/v1/registry_pb.ts'
import { dataDir } from '../data-dir.ts'
import { type FaultyGateway, openGateway } from '../faults/gateway.ts'
import { status, well } from '../faults/upstream.ts'
import { openaiSdk, saying } from './gateway.ts'

let gateway: FaultyGateway
const registry = () => createClient(RegistryService, createGrpcTransport({ baseUrl: gateway.url }))

beforeAll(async () => {
  gateway = await openGateway({
    env: {
      NORTH_API_KEY: 'k-north',
      SWITCHYARD_MASTER_KEY: 'k1:0101010101010101010101010101010101010101010101010101010101010101',
    },
    config: { aliases: { steady: ['up/good'] } },
    providers: (url) => [{ name: 'plain', type: 'vllm', base_url: url }],
  })
  for (const model of ['good', 'other', 'third']) gateway.upstream.answer(model, well)
  gateway.upstream.answer('bad', status(503, { error: { message: 'down' } }))
})
afterAll(() => gateway[Symbol.asyncDispose]())

/** What an RPC fails with. */
async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'nothing was wrong'
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error)
    return `${Code[code]}: ${rawMessage}`
  }
}

describe('providers', () => {
  test('are made, read, changed and deleted', async () => {
    const made = await registry().createProvider({
      name: 'north',
      type: 'openai',
      baseUrl: gateway.upstream.url,
      apiKey: 'canary-key',
      settings: { headers: { 'x-team': 'red' } },
    })
    expect(made).toMatchObject({ name: 'north', keySource: 'stored', configured: false, problem: '' })
    expect(toJsonString(ProviderSchema, made)).not.toContain('canary')
    expect(await registry().getProvider({ idOrName: made.id })).toMatchObject({
      name: 'north',
      settings: { headers: { 'x-team': 'red' } },
    })
    const changed = await registry().updateProvider({ idOrName: 'north', envVar: 'NORTH_API_KEY' })
    expect(changed).toMatchObject({ id: made.id, keySource: 'env', envVar: 'NORTH_API_KEY', settings: made.settings })
    expect(await registry().deleteProvider({ idOrName: 'north' })).toMatchObject({ id: made.id })
    expect(await failure(registry().getProvider({ idOrName: 'north' }))).toMatch(/^NotFound/)
  })

  test('fail in the words of the contract', async () => {
    const up = { name: 'x', type: 'openai' }
    expect(await failure(registry().createProvider({ ...up, name: 'up' }))).toMatch(/^Aborted: .*configuration file/)
    expect(await failure(registry().createProvider({ ...up, baseUrl: 'nowhere' }))).toMatch(
      /^InvalidArgument: base_url: /,
    )
    expect(await failure(registry().createProvider({ ...up, type: 'nobody' }))).toMatch(
      /^InvalidArgument: .*loaded are: /,
    )
    expect(await failure(registry().updateProvider({ idOrName: 'nobody' }))).toMatch(/^NotFound/)
    expect(await failure(registry().deleteProvider({ idOrName: 'up' }))).toMatch(/^Aborted/)
  })

  test('that an alias of the configuration leads to are neither deleted nor renamed', async () => {
    const folder = dataDir()
    const first = await openGateway({ dataDir: folder })
    const client = ({ url }: FaultyGateway) => createClient(RegistryService, createGrpcTransport({ baseUrl: url }))
    await client(first).createProvider({ name: 'north', type: 'simulator' })
    await first[Symbol.asyncDispose]()

    await using second = await openGateway({ dataDir: folder, config: { aliases: { fixed: ['north/echo'] } } })
    const told = /^Aborted: the alias "fixed" of the configuration file leads to the provider "north"/
    expect(await failure(client(second).deleteProvider({ idOrName: 'north' }))).toMatch(told)
    expect(await failure(client(second).updateProvider({ idOrName: 'north', name: 'south' }))).toMatch(told)
  })

  test('that are nowhere stop the start when an alias of the configuration leads there', async () => {
    await expect(openGateway({ config: { aliases: { lost: ['nobody/m'] } } })).rejects.toThrow(
      'the alias "lost" leads to "nobody/m", but no provider has that name',
    )
  })
})

describe('aliases', () => {
  const target = (provider: string, model: string, order = 0, weight = 1): object => ({
    provider,
    model,
    order,
    weight,
  })
  const set = (name: string, ...targets: object[]) => registry().setAlias({ alias: { name, targets } })
  const said = async (model: string): Promise<string> => {
    const answer = await openaiSdk(gateway).chat.completions.create({ model, messages: saying('Hello') })
    expect(answer.choices[0]?.message.content).toBeTruthy()
    return gateway.upstream.received().at(-1)?.model ?? ''
  }

  test('are set, listed beside those of the configuration, serve at once, and are deleted', async () => {
    expect(await set('fast', target('up', 'good', 0, 0))).toMatchObject({
      name: 'fast',
      targets: [{ provider: 'up', model: 'good', order: 0, weight: 1 }],
    })
    const { aliases } = await registry().listAliases({})
    expect(aliases.map(({ name, configured }) => [name, configured])).toEqual([
      ['steady', true],
      ['fast', false],
    ])
    expect(await said('fast')).toBe('good')
    const models = await openaiSdk(gateway).models.list()
    expect(models.data.map(({ id }) => id)).toContain('fast')
    await set('fast', target('up', 'other'))
    expect(await said('fast')).toBe('other')
    await registry().deleteAlias({ name: 'fast' })
    await expect(said('fast')).rejects.toMatchObject({ status: 404 })
    expect(await failure(registry().deleteAlias({ name: 'fast' }))).toMatch(/^NotFound/)
  })

  test('share traffic by weight, and fall back to the others of the order and then to the next', async () => {
    await set('shared', target('up', 'good', 0, 1), target('up', 'other', 0, 3), target('up', 'third', 1))
    const served = new Set<string>()
    for (let call = 0; call < 40; call++) served.add(await said('shared'))
    expect(served).toEqual(new Set(['good', 'other']))
    await set('falling', target('up', 'bad', 0, 1e9), target('up', 'good', 0, 1e-9), target('up', 'third', 1))
    expect(await said('falling')).toBe('good')
    await set('falling', target('up', 'bad', 0), target('up', 'third', 1))
    expect(await said('falling')).toBe('third')
  })

  test('may be prefixes, and lead to other aliases', async () => {
    await set('base', target('up', 'good'))
    await set('family-*', target('', 'base'))
    expect(await said('family-of-names')).toBe('good')
  })

  test.each<[what: string, name: string, targets: object[], told: RegExp]>([
    ['nobody', 'x', [target('nobody', 'm')], /^InvalidArgument: the alias "x" leads to "nobody\/m", but no provider/],
    ['no alias', 'x', [target('', 'nobody')], /^InvalidArgument: .*neither a provider nor an alias/],
    ['itself', 'x', [target('', 'x')], /^InvalidArgument: .*back to itself: x > x/],
    ['no model', 'x', [target('plain', '')], /^InvalidArgument: .*names no model/],
    ['a weight below zero', 'x', [target('up', 'm', 0, -1)], /^InvalidArgument: .*weight/],
    ['a weight that is none', 'x', [target('up', 'm', 0, Number.NaN)], /^InvalidArgument: .*weight/],
    ['nothing', 'x', [], /^InvalidArgument: alias.targets/],
    ['a model without end', 'x', [target('up', 'm'.repeat(513))], /^InvalidArgument: alias.targets\[0\].model/],
    ['a name with NUL', 'a\0b', [target('up', 'm')], /^InvalidArgument: .*NUL/],
    ['a name with a space', 'a b', [target('up', 'm')], /^InvalidArgument: alias.name: must be/],
  ])('to %s are refused', async (_, name, targets, told) => {
    expect(await failure(set(name, ...targets))).toMatch(told)
  })

  test('that would lead back to each other are refused, whichever closes the circle', async () => {
    await set('one', target('up', 'good'))
    await set('two', target('', 'one'))
    await set('three', target('', 'two'))
    expect(await failure(set('one', target('', 'three')))).toMatch(
      /^InvalidArgument: the alias "one" leads to "three", which leads back to itself: one > three > two > one/,
    )
    expect(await said('three')).toBe('good')
  })

  test('of the configuration cannot be changed or deleted', async () => {
    expect(await failure(set('steady', target('up', 'other')))).toMatch(/^Aborted: .*configuration file/)
    expect(await failure(registry().deleteAlias({ name: 'steady' }))).toMatch(/^Aborted: .*configuration file/)
  })

  test('whose provider is deleted are not found, and the rest serves', async () => {
    await registry().createProvider({ name: 'gone', type: 'openai', baseUrl: gateway.upstream.url })
    await set('half', target('gone', 'other', 0), target('up', 'good', 1))
    await set('whole', target('gone', 'other'))
    expect(await said('half')).toBe('other')
    await registry().deleteProvider({ idOrName: 'gone' })
    expect(await said('half')).toBe('good')
    await expect(said('whole')).rejects.toMatchObject({ status: 404 })
  })
})
