import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import type { LoadedProvider } from '../core/contract.ts'
import { fail } from '../error/index.ts'
import type { Plugin } from '../provider/contract.ts'
import { definePlugin } from '../provider/contract.ts'
import { createEgress } from '../provider/egress.ts'
import { Secret } from '../provider/secret.ts'
import type { AliasRow, ProviderRow } from '../store/contract.ts'
import type { Snapshot } from '../store/snapshot.ts'
import { SecretFiles } from './files.ts'
import type { Workshop } from './instance.ts'
import { Providers, type ProvidersOptions } from './live.ts'
import { Sealer } from './seal.ts'
import type { ProviderSpec } from './spec.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'switchyard-live-')))
afterAll(() => rmSync(folder, { recursive: true }))

/** Providers by the name they were made for, in the order they were made and closed. */
interface Diary {
  readonly made: string[]
  readonly closed: string[]
}

/** A vendor whose providers say when they are made and closed. */
function acme(diary: Diary): Plugin<unknown> {
  const settings = z.strictObject({ region: z.string().optional(), token: z.string().optional() })
  return definePlugin<z.infer<typeof settings>>({
    manifest: {
      type: 'acme',
      contract: 'switchyard.v1',
      title: 'Acme',
      models: ['acme-*'],
      settings,
      baseUrl: 'https://acme.example',
      keyVariable: 'ACME_API_KEY',
      defaultModel: 'acme-1',
    },
    create({ own }, host) {
      if (own.region === 'nowhere') throw fail('invalid_request', 'settings.region: there is no such region')
      if (own.token !== undefined) host.secret?.(own.token)
      diary.made.push(host.name)
      return { chat: () => [] as never, close: async () => void diary.closed.push(host.name) }
    },
  })
}

const sealer = Sealer.from('k1:'.concat('ab'.repeat(32)))
const warnings: string[] = []
const nothing = (): undefined => undefined
const log = {
  debug: nothing,
  info: nothing,
  warn: (_: object, text: string) => void warnings.push(text),
  error: nothing,
}

function spec(name: string, more: Partial<ProviderSpec> = {}): ProviderSpec {
  const id = `id-${name}`
  const rest = { baseUrl: '', settings: {}, moreVariables: [], models: [], created: 1, updated: 1, defaultModel: '' }
  return { origin: 'configured', id, name, type: 'acme', secret: { kind: 'none' }, ...rest, ...more }
}

function row(name: string, more: Partial<ProviderRow> = {}): ProviderRow {
  const rest = { defaultModel: '', baseUrl: '', settings: '{}', created: 5, updated: 5 }
  return { id: `row-${name}`, name, type: 'acme', secret: { kind: 'none' }, ...rest, ...more }
}

function stored(providers: readonly ProviderRow[], more: Partial<Snapshot> = {}): Snapshot {
  return { providers, models: [], aliases: [], accounts: [], keys: [], everHadKeys: false, at: 1, ...more }
}

async function open(options: Partial<ProvidersOptions> = {}, workshop: Partial<Workshop> = {}) {
  const diary: Diary = { made: [], closed: [] }
  const providers = await Providers.open({
    workshop: {
      plugins: new Map([['acme', acme(diary)]]),
      env: { ACME_API_KEY: 'k-env' },
      allowedVariables: [],
      files: new SecretFiles([folder]),
      sealer,
      egress: createEgress({ connectTimeoutMs: 100 }),
      log,
      ...workshop,
    },
    configured: [],
    implied: [],
    aliases: [],
    ...options,
  })
  onTestFinished(() => providers.close())
  return { providers, diary }
}

const names = ({ current }: Providers): string[] => current.providers.map(({ record }) => record.name)
const named = ({ current }: Providers, name: string): LoadedProvider =>
  current.provider(name) ?? expect.fail(`there is no ${name}`)
const keysOf = (loaded: LoadedProvider): string[] => loaded.credentials.map(({ secret }) => secret.reveal())

/** What a call of a provider fails with. */
function callOf({ provider }: LoadedProvider, operation: 'chat' | 'embed' | 'getVideo' = 'chat'): string {
  try {
    void provider[operation]?.({} as never, {} as never)
    return 'ok'
  } catch (error) {
    const { reason, message, retryable } = error as { reason: string; message: string; retryable: boolean }
    return `${reason}${retryable ? '' : ', final'}: ${message}`
  }
}

describe('which providers there are', () => {
  test('configured ones, registered ones from the oldest on, then those the environment implies', async () => {
    const { providers } = await open({ configured: [spec('c')], implied: [spec('i', { origin: 'implied' })] })
    expect(names(providers)).toEqual(['c', 'i'])
    await providers.load(stored([row('late', { created: 9 }), row('early', { created: 2 })]))
    expect(names(providers)).toEqual(['c', 'early', 'late', 'i'])
    await providers.load(stored([]))
    expect(names(providers)).toEqual(['c', 'i'])
  })

  test('a registered one replaces an implied one of its name, until it is deleted', async () => {
    const { providers } = await open({ implied: [spec('acme', { origin: 'implied' })] })
    expect(named(providers, 'acme').record.configured).toBe(true)
    await providers.load(stored([row('acme', { defaultModel: 'mine' })]))
    expect(names(providers)).toEqual(['acme'])
    expect(named(providers, 'acme').record).toMatchObject({ id: 'row-acme', defaultModel: 'mine', configured: false })
    await providers.load(stored([]))
    expect(named(providers, 'acme').record.id).toBe('id-acme')
  })

  test('none takes the name or the id of a configured one', async () => {
    const { providers } = await open({ configured: [spec('c', { defaultModel: 'safe' })] })
    await providers.load(stored([row('c', { defaultModel: 'hijacked' }), row('x', { id: 'id-c' })]))
    expect(names(providers)).toEqual(['c'])
    expect(named(providers, 'id-c').record.defaultModel).toBe('safe')
  })

  test('a configured one that cannot be made stops the start, and is named', async () => {
    await expect(open({ configured: [spec('bad', { type: 'nobody' })] })).rejects.toThrow(
      'provider "bad": there is no plugin of type "nobody"; loaded are: acme',
    )
    await expect(
      open({ configured: [spec('bad', { secret: { kind: 'env', variable: 'B_API_KEY' } })] }),
    ).rejects.toThrow('provider "bad": the environment variable B_API_KEY is not set')
  })
})

describe('what is made again', () => {
  test('only what changed; the rest keeps its connections', async () => {
    const { providers, diary } = await open({ configured: [spec('c')] })
    await providers.load(stored([row('a'), row('b')]))
    const before = named(providers, 'a').provider
    await providers.load(
      stored([row('a', { defaultModel: 'other', updated: 6 }), row('b', { settings: '{"region":"x"}' })]),
    )
    expect(diary.made).toEqual(['c', 'a', 'b', 'b'])
    expect(diary.closed).toEqual(['b'])
    expect(named(providers, 'a').provider).toBe(before)
    expect(named(providers, 'a').record.defaultModel).toBe('other')
  })

  test('what is gone is closed when the last call that began with it is over', async () => {
    const { providers, diary } = await open()
    await providers.load(stored([row('a')]))
    const [one, two] = [providers.hold(), providers.hold()]
    expect(one.resolve('a/m', '').targets).toHaveLength(1)
    await providers.load(stored([]))
    await providers.load(stored([row('b')]))
    expect(() => providers.current.resolve('a/m', '')).toThrow()
    providers.release(one)
    expect(diary.closed).toEqual([])
    providers.release(two)
    expect(diary.closed).toEqual(['a'])
  })

  test('what older calls share with newer ones is not closed with the older', async () => {
    const { providers, diary } = await open()
    await providers.load(stored([row('a'), row('b')]))
    const held = providers.hold()
    await providers.load(stored([row('a')]))
    providers.release(held)
    expect(diary.closed).toEqual(['b'])
    await providers.close()
    expect(diary.closed).toEqual(['b', 'a'])
  })
})

describe('keys', () => {
  test('come from a variable, from a file, or from the store', async () => {
    writeFileSync(join(folder, 'key'), 'k-file\n')
    const { providers } = await open({}, { env: { A_API_KEY: 'k-a' } })
    await providers.load(
      stored([
        row('env', { secret: { kind: 'env', variable: 'A_API_KEY' } }),
        row('file', { secret: { kind: 'file', path: join(folder, 'key') } }),
        row('sealed', { secret: { kind: 'stored', secret: sealer.seal(new Secret('k-sealed'), 'row-sealed') } }),
        row('none'),
      ]),
    )
    const found = ['env', 'file', 'sealed', 'none'].map((name) => named(providers, name))
    expect(found.map(keysOf)).toEqual([['k-a'], ['k-file'], ['k-sealed'], []])
    expect(found.map(({ record }) => [record.keySource, record.envVar, record.keyFile])).toEqual([
      ['env', 'A_API_KEY', ''],
      ['file', '', join(folder, 'key')],
      ['stored', '', ''],
      ['none', 'ACME_API_KEY', ''],
    ])
  })

  test("the vendor's own variable goes to the vendor's own address only", async () => {
    const { providers } = await open()
    await providers.load(stored([row('own'), row('other', { baseUrl: 'https://elsewhere.example' })]))
    expect(keysOf(named(providers, 'own'))).toEqual(['k-env'])
    expect(keysOf(named(providers, 'other'))).toEqual([])
  })

  test('in a file are read again when the file changes, comes or goes', async () => {
    const path = join(folder, 'turning')
    const { providers } = await open({ fileCheckMs: 5 })
    await providers.load(stored([row('f', { secret: { kind: 'file', path } }), row('other')]))
    const other = named(providers, 'other').provider
    expect(callOf(named(providers, 'f'))).toMatch(/^provider_credential, final: .*is not there/)
    writeFileSync(path, 'one')
    await expect.poll(() => keysOf(named(providers, 'f'))).toEqual(['one'])
    writeFileSync(path, 'second')
    await expect.poll(() => keysOf(named(providers, 'f'))).toEqual(['second'])
    rmSync(path)
    await expect.poll(() => named(providers, 'f').unusable).toBe(true)
    expect(named(providers, 'other').provider).toBe(other)
  })
})

describe('a row that cannot be used harms only itself:', () => {
  const sealed = sealer.seal(new Secret('k'), 'row-of-another')
  test.each<[what: string, bad: Partial<ProviderRow>, told: RegExp]>([
    [
      'an unknown type',
      { type: 'nobody' },
      /^provider_error, final: the provider "bad" cannot be used: there is no plugin/,
    ],
    ['settings the plugin does not know', { settings: '{"regio":1}' }, /^provider_error, final: .*settings: /],
    ['settings the plugin refuses', { settings: '{"region":"nowhere"}' }, /^provider_error, final: .*no such region/],
    ['a setting of the wrong type', { settings: '{"region":1}' }, /^provider_error, final: .*settings\.region: /],
    [
      'a variable that is not set',
      { secret: { kind: 'env', variable: 'B_API_KEY' } },
      /^provider_credential, final: .*the environment variable B_API_KEY is not set/,
    ],
    [
      'a variable that may not be read',
      { secret: { kind: 'env', variable: 'PATH' } },
      /^provider_error, final: .*only \*_API_KEY/,
    ],
    ['a file outside', { secret: { kind: 'file', path: '/etc/passwd' } }, /^provider_error, final: .*only files in/],
    [
      'a secret of another row',
      { secret: { kind: 'stored', secret: sealed } },
      /^provider_credential, final: .*cannot be opened/,
    ],
    [
      'a secret of a key that is gone',
      { secret: { kind: 'stored', secret: { ...sealed, keyId: 'gone' } } },
      /^provider_credential, final: .*the master key "gone"/,
    ],
    [
      'a variable in its settings that is not set',
      { settings: '{"token":"T_API_KEY"}' },
      /^provider_credential, final: .*T_API_KEY/,
    ],
  ])('%s', async (_, bad, told) => {
    warnings.length = 0
    const { providers } = await open()
    const rows = [row('bad', { created: 1, ...bad }), row('good')]
    await providers.load(stored(rows))
    await providers.load(stored(rows))
    expect(names(providers)).toEqual(['bad', 'good'])
    expect(callOf(named(providers, 'bad'))).toMatch(told)
    // What it cannot be asked for now is not what its vendor lacks.
    expect(callOf(named(providers, 'bad'), 'embed')).toMatch(told)
    expect(callOf(named(providers, 'bad'), 'getVideo')).toMatch(told)
    expect(callOf(named(providers, 'good'))).toBe('ok')
    expect(named(providers, 'bad').record.problem).toMatch(/^the provider "bad" cannot be used: /)
    expect(providers.current.resolve('acme-9', '').targets[0]?.provider.record.name).toBe('good')
    expect(warnings).toHaveLength(1)
  })

  test.each(['', 'no JSON', '[]', 'null'])('settings that are no object (%j), which is left out', async (settings) => {
    const { providers } = await open()
    await providers.load(stored([row('bad', { settings }), row('good')]))
    expect(names(providers)).toEqual(['good'])
  })

  test('a plugin that never comes to an end', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const stuck = definePlugin({ ...acme({ made: [], closed: [] }), create: () => new Promise<never>(() => {}) })
    const { providers } = await open({}, { plugins: new Map([['acme', stuck]]) })
    const loading = providers.load(stored([row('bad')]))
    await vi.advanceTimersByTimeAsync(10_000)
    await loading
    expect(callOf(named(providers, 'bad'))).toMatch(/^provider_error, final: .*did not come about in time/)
  })

  test('a plugin that fails at everything', async () => {
    const plugin = acme({ made: [], closed: [] })
    const toBaseUrl = (): never => {
      throw new Error('no')
    }
    const broken = definePlugin({
      ...plugin,
      manifest: { ...plugin.manifest, type: 'broken', baseUrlVariable: { name: 'BROKEN_URL', toBaseUrl } },
    })
    const plugins = new Map<string, Plugin<unknown>>([
      ['acme', acme({ made: [], closed: [] })],
      ['broken', broken],
    ])
    const { providers } = await open({}, { plugins, env: { BROKEN_URL: 'x' } })
    await providers.load(stored([row('bad', { type: 'broken' }), row('good')]))
    expect(callOf(named(providers, 'bad'))).toMatch(/^provider_error, final/)
    expect(callOf(named(providers, 'good'))).toBe('ok')
  })

  test('models that are none', async () => {
    const { providers } = await open()
    const seen = { provider: 'good', firstSeen: 1, lastSeen: 2 }
    const facts = '{"operations":["chat"],"contextTokens":"9"}'
    const models = [
      { ...seen, model: 'm1', facts: 'no JSON' },
      { ...seen, model: 'm2', facts: '{"operations":1}' },
      { ...seen, model: 'm3', facts },
      { ...seen, provider: 'nobody', model: 'm4', facts },
    ]
    await providers.load(stored([row('good')], { models }))
    const { current } = providers
    expect(current.model(named(providers, 'good'), 'm3')).toMatchObject({
      contextTokens: 9n,
      firstSeen: { seconds: 0n },
    })
    expect(named(providers, 'good').synced?.map(({ id }) => id)).toEqual(['m3'])
  })

  test('aliases that lead nowhere, and one with the name of a configured one', async () => {
    warnings.length = 0
    const to = (provider: string, model: string) => ({ provider, model, order: 0, weight: 1 })
    const alias = (name: string, ...targets: AliasRow['targets']): AliasRow => ({ name, targets, updated: 1 })
    const { providers } = await open({
      configured: [spec('c')],
      aliases: [{ name: 'fixed', targets: [to('c', 'mine')] }],
    })
    const aliases = [
      alias('fixed', to('c', 'hijacked')),
      alias('lost', to('nobody', 'm')),
      alias('round', to('', 'about')),
      alias('about', to('', 'round')),
      alias('good', to('c', 'm')),
      alias('', to('c', 'm')),
      alias('n'.repeat(5000), to('c', 'm')),
    ]
    await providers.load(stored([], { aliases }))
    const leads = (model: string): string[] =>
      providers.current.resolve(model, '').targets.map((target) => target.model)
    expect([leads('fixed'), leads('good'), leads('lost'), leads('round')]).toEqual([['mine'], ['m'], [], []])
    expect(warnings).toHaveLength(5)
  })
})
