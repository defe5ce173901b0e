import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type Config, ConfigError, type ConfigFlags, type Environment, loadConfig } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-config-'))
const path = join(folder, 'config.yaml')
afterAll(() => rmSync(folder, { recursive: true }))

function load(yaml: string | Uint8Array, env: Environment = {}, flags: ConfigFlags = {}): Config {
  writeFileSync(path, yaml)
  return loadConfig({ path, env, flags })
}

/** The lines of the error that `run` throws, without the folder of the file. */
function problems(run: () => unknown): string[] {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).message.replaceAll(`${folder}/`, '').split('\n')
  }
  throw new Error('the configuration was accepted')
}

/** A target as the core takes it. */
function target(name: string, model: string, order = 0, weight = 1): object {
  return { provider: name, model, order, weight }
}

const hash = `sha256:${'0'.repeat(64)}`

describe('what is read', () => {
  test('without a file, environment or flags there are defaults for everything', () => {
    expect(loadConfig({ env: {}, flags: {} })).toEqual({
      server: {
        host: '127.0.0.1',
        port: 3000,
        drain_seconds: 30,
        body_limit_bytes: 33_554_432,
        upload_limit_bytes: 26_214_400,
        cors: { origins: [] },
      },
      data_dir: resolve('.switchyard'),
      keys: [],
      providers: [],
      aliases: [],
      plugins: [],
      timeouts: {
        connect: 5000,
        first_event: 60_000,
        between_events: 60_000,
        request_body: 30_000,
        write: 60_000,
        total: 600_000,
      },
      retries: { per_target: 2, budget: 0.2, max_retry_after: 10_000 },
      log: { level: 'info' },
      store: { keys_without_store: 300_000 },
      ledger: { enabled: true, max_spool_bytes: 1_073_741_824, retention_days: 90, content_days: 30 },
      idempotency: { max_bytes: 4_194_304 },
      media: {
        store: 'folder',
        inline_limit_bytes: 1024 * 1024,
        url_seconds: 3600,
        max_file_bytes: 512 * 1024 * 1024,
        file_days: 30,
        fetch_limit_bytes: 20_971_520,
        fetch_total_bytes: 52_428_800,
        fetch_held_bytes: 536_870_912,
        fetch_count: 32,
        fetch_timeout: 15_000,
      },
      batches: {
        concurrency: 16,
        per_batch: 16,
        per_provider: 16,
        window: 86_400_000,
        tries: 5,
        pause: 1000,
        longest_pause: 60_000,
        lease: 30_000,
        poll: 1000,
        kept_days: 90,
        max_lines: 50_000,
        max_bytes: 209_715_200,
      },
      videos: { poll: 2000, lease: 60_000, deadline: 3_600_000, at_once: 8, days: 7 },
      secrets: { allowed_env: [], allowed_files: ['/run/secrets/*'] },
    })
  })

  test('a file is read, and what it does not say keeps its default', () => {
    const config = load(`
keys: [{ id: ci, hash: "${hash}", models: ["openai/*"], accounts: [acme] }]
providers: [{ name: main, type: some, base_url: "https://api.example.com/v1/", models: [m], settings: { deep: { er: 1 } } }]
server: { port: 8080 }
`)
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 8080 })
    expect(config.keys).toEqual([
      { id: 'ci', hash, permissions: ['models:use'], models: ['openai/*'], accounts: ['acme'] },
    ])
    expect(config.providers).toEqual([
      {
        name: 'main',
        type: 'some',
        env_vars: [],
        base_url: 'https://api.example.com/v1',
        models: ['m'],
        settings: { deep: { er: 1 } },
      },
    ])
  })

  test('an alias is a list of targets or a mapping with one', () => {
    const config = load('aliases: { fast: [a/b, c/d/e], "gpt-*": { targets: [a/b] }, "*": [x/y] }')
    expect(config.aliases).toEqual([
      { name: 'fast', targets: [target('a', 'b'), target('c', 'd/e', 1)] },
      { name: 'gpt-*', targets: [target('a', 'b')] },
      { name: '*', targets: [target('x', 'y')] },
    ])
  })

  test('targets of an alias may share traffic, with fallbacks after them', () => {
    const config = load(`
aliases:
  fast:
    - { provider: a, model: b, weight: 9 }
    - { provider: c }
    - d/e
    - { model: "other", order: 5, weight: 0.5 }
  other: { targets: [{ provider: a, model: b }] }
`)
    expect(config.aliases[0]?.targets).toEqual([
      target('a', 'b', 0, 9),
      target('c', '', 0, 1),
      target('d', 'e', 2),
      target('', 'other', 5, 0.5),
    ])
  })

  test.each([
    ['250ms', 250],
    ['1.5s', 1500],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['5', 5000],
    ['0.25', 250],
  ])('the duration %s is %d milliseconds', (written, milliseconds) => {
    expect(load(`timeouts: { total: ${written} }`).timeouts.total).toBe(milliseconds)
  })

  test('a duration may be zero only where waiting is optional', () => {
    expect(load('retries: { max_retry_after: 0 }').retries.max_retry_after).toBe(0)
    expect(problems(() => load('timeouts: { connect: 0s }'))).toEqual([
      'config.yaml:1:22 timeouts.connect: must be from 1ms to 24 days',
    ])
  })

  test.each(['', '# nothing yet\n', 'server:\nproviders:\n  # - name: main\n'])(
    'empty sections count as absent: %j',
    (yaml) => {
      expect(load(yaml)).toEqual(loadConfig({ env: {}, flags: {} }))
    },
  )

  test('anchors and aliases of YAML work', () => {
    const config = load('aliases: { a: &both [x/one, y/two], b: *both }')
    expect(config.aliases[1]).toEqual({ name: 'b', targets: [target('x', 'one'), target('y', 'two', 1)] })
  })

  test('relative paths of a file start at its folder, names of packages stay', () => {
    const config = load(
      'server: { tls: { cert: a.pem, key: /k.pem } }\ndata_dir: data\nplugins: [./one, ../two, /three, four, "@five/six"]',
    )
    expect(config.server.tls).toEqual({ cert: join(folder, 'a.pem'), key: '/k.pem' })
    expect(config.data_dir).toBe(join(folder, 'data'))
    expect(config.plugins).toEqual([join(folder, 'one'), resolve(folder, '../two'), '/three', 'four', '@five/six'])
  })

  test('the default data folder, and one from a flag, are in the working directory', () => {
    expect(load('server: {}').data_dir).toBe(resolve('.switchyard'))
    expect(load('data_dir: data', {}, { dataDir: 'other' }).data_dir).toBe(resolve('other'))
  })
})

describe('flags and environment', () => {
  const env = {
    SWITCHYARD_HOST: '::1',
    SWITCHYARD_PORT: '4000',
    SWITCHYARD_DATA_DIR: '/env',
    SWITCHYARD_LOG_LEVEL: 'warn',
  }
  const yaml = 'server: { host: localhost, port: 1, drain_seconds: 5 }\ndata_dir: /file\nlog: { level: debug }'

  test('the environment beats the file', () => {
    const config = load(yaml, env)
    expect(config.server).toMatchObject({ host: '::1', port: 4000, drain_seconds: 5 })
    expect([config.data_dir, config.log.level]).toEqual(['/env', 'warn'])
  })

  test('flags beat the environment', () => {
    const config = load(yaml, env, { host: '0.0.0.0', port: '0', dataDir: '/flag', logLevel: 'error' })
    expect(config.server).toMatchObject({ host: '0.0.0.0', port: 0, drain_seconds: 5 })
    expect([config.data_dir, config.log.level]).toEqual(['/flag', 'error'])
  })

  test('an empty variable counts as not set', () => {
    expect(load(yaml, { SWITCHYARD_HOST: '', SWITCHYARD_CONFIG: '' }).server.host).toBe('localhost')
    expect(loadConfig({ env: { SWITCHYARD_CONFIG: '' }, flags: {} }).server.host).toBe('127.0.0.1')
  })

  test('SWITCHYARD_CONFIG names the file unless a path is given', () => {
    const other = join(folder, 'other.yaml')
    writeFileSync(other, 'server: { port: 2 }')
    expect(loadConfig({ env: { SWITCHYARD_CONFIG: other }, flags: {} }).server.port).toBe(2)
    expect(load('server: { port: 3 }', { SWITCHYARD_CONFIG: other }).server.port).toBe(3)
  })

  test('a bad value is reported as what the person typed', () => {
    const port = 'must be a whole number from 0 to 65535'
    expect(problems(() => load(yaml, { SWITCHYARD_PORT: '70000' }))).toEqual([`SWITCHYARD_PORT: ${port}`])
    expect(problems(() => load(yaml, env, { port: '1e3', host: 'localhost:80' }))).toEqual([
      '--host: must be a host name or an IP address, without a port',
      `--port: ${port}`,
    ])
  })

  test('a flag does not hide that its section is malformed', () => {
    expect(problems(() => load('server: [1]', {}, { port: '1' }))).toEqual([
      'config.yaml:1:9 server: must be a mapping of keys, not a list',
    ])
  })

  test('simulation replaces the alias for every name and leaves the others', () => {
    const aliases = 'aliases: { "*": [x/y], fast: [a/b] }'
    const simulated = [
      { name: 'fast', targets: [target('a', 'b')] },
      { name: '*', targets: [target('simulator', 'echo')] },
    ]
    expect(load(aliases, {}, { simulate: true }).aliases).toEqual(simulated)
    expect(load(aliases, { SWITCHYARD_SIMULATE: '1' }).aliases).toEqual(simulated)
    expect(load(aliases, { SWITCHYARD_SIMULATE: '0' }).aliases[0]).toEqual({ name: '*', targets: [target('x', 'y')] })
    expect(problems(() => load('', { SWITCHYARD_SIMULATE: 'maybe' }))).toEqual(['SWITCHYARD_SIMULATE: must be 1 or 0'])
  })
})

describe('a key in a file', () => {
  test('is looked for beside the configuration, as are the places where keys may be', () => {
    const config = load(`${provider('key_file: keys/one')}\nsecrets: { allowed_files: [keys, "/run/*/key"] }`)
    expect(config.providers[0]?.key_file).toBe(join(folder, 'keys/one'))
    expect(config.secrets.allowed_files).toEqual([join(folder, 'keys'), '/run/*/key'])
  })

  test('is not named beside a variable', () => {
    expect(problems(() => load(provider('key_file: one, env_var: A_API_KEY')))).toEqual([
      'config.yaml:1:43 providers.0.key_file: the key is in a variable already: use env_var or key_file, not both',
    ])
  })
})

describe('what is refused, and where', () => {
  test.each<[what: string, yaml: string, ...lines: (string | RegExp)[]]>([
    [
      'an unknown key, with the keys that are known',
      'log:\n  level: info\n  colour: true\n',
      'config.yaml:3:3 log.colour: unknown key; known here: level',
    ],
    ['each of two unknown keys', 'a: 1\nretries: { b: 2 }\n', /1:1 a: unknown key/, /2:12 retries.b: unknown key/],
    ['a wrong type', 'providers:\n  - name: [x]\n    type: t\n', '2:11 providers.0.name: must be text, not a list'],
    [
      'a number where a target is due',
      'aliases:\n  fast: [x/y, 4.5]\n',
      /2:15 aliases.fast.1: must be "provider\/model", or/,
    ],
    ['a target that names nothing', 'aliases: { a: [{ weight: 2 }] }', /1:16 aliases.a.0: must have a provider/],
    ['a weight of nothing', 'aliases: { a: [{ model: x, weight: 0 }] }', /aliases.a.0.weight: must be a number over/],
    ['an order that is none', 'aliases: { a: [{ model: x, order: -1 }] }', /aliases.a.0.order: must be a whole/],
    [
      'a misspelt target',
      'aliases: { a: [{ modle: x }] }',
      /aliases.a.0: must have a provider/,
      /aliases.a.0.modle: unknown key/,
    ],
    ['a missing key, at the mapping that lacks it', 'providers:\n  - name: x\n', '2:5 providers.0.type: is required'],
    ['a value left out', 'server:\n  host:\n', '2:8 server.host: must be text, not empty'],
    ['an unknown word', 'log: { level: loud }', /1:15 log.level: must be one of "trace"/],
    ['a number out of range', 'server: { port: 65536 }', '1:17 server.port: must be a whole number from 0 to 65535'],
    ['a fraction of a port', 'server: { port: 80.5 }', '1:17 server.port: must be a whole number from 0 to 65535'],
    [
      'a duration without a unit we know',
      'timeouts: { write: 5 minutes }',
      /1:20 timeouts.write: must be a duration such/,
    ],
    ['a duration no timer can wait', 'timeouts: { total: 600h }', '1:20 timeouts.total: must be from 1ms to 24 days'],
    ['a key twice', 'server:\n  port: 1\n  port: 2\n', '3:3 server.port: this key is there twice'],
    ['a section twice', 'log: {}\nlog: {}\n', '2:1 log: this key is there twice'],
    [
      'a name that mappings cannot hold',
      'aliases:\n  __proto__: [a/b]\n',
      '2:3 aliases.__proto__: this name cannot be used',
    ],
    ['a list instead of sections', '- server\n', 'config.yaml:1:1 must be a mapping of keys, not a list'],
    ['an alias without targets', 'aliases: { fast: [] }', '1:18 aliases.fast: must name at least one target'],
    ['an alias to nowhere', 'aliases: { fast: [gpt] }', '1:19 aliases.fast.0: must be "provider/model"'],
    [
      'a misspelt alias',
      'aliases:\n  a: { target: [x/y] }\n',
      /2:6 aliases.a.targets: is required/,
      /2:8 aliases.a.target: unknown/,
    ],
    ['an alias of neither form', 'aliases: { fast: 5 }', '1:18 aliases.fast: must be a list of "provider/model"'],
    [
      'a star inside an alias',
      'aliases:\n  a*b: [x/y]\n',
      /2:3 aliases."a\*b": the name must be a model name, or a prefix/,
    ],
    [
      'two providers of one name',
      'providers:\n  - { name: a, type: t }\n  - { name: a, type: u }\n',
      /3:13 providers.1.name: an earlier/,
    ],
    ['half of a certificate', 'server: { tls: { cert: a.pem } }', '1:16 server.tls.key: is required'],
    [
      'a base URL that is none',
      'providers: [{ name: a, type: t, base_url: localhost }]',
      /1:43 providers.0.base_url: must be an http/,
    ],
    [
      'a password in a base URL',
      'providers: [{ name: a, type: t, base_url: "http://u:p@h" }]',
      /base_url: must be an http/,
    ],
    [
      'an origin with a path',
      'server: { cors: { origins: ["https://a.example/"] } }',
      /1:29 server.cors.origins.0: must be an origin/,
    ],
  ])('%s', (_what, yaml, ...expected) => {
    const lines = problems(() => load(yaml))
    expect(lines).toHaveLength(expected.length)
    for (const [index, part] of expected.entries()) expect(lines[index]).toMatch(part)
  })

  test('broken YAML, with its place and without a quote of the file', () => {
    const [line, ...others] = problems(() => load('server:\n  host: "sk-not-shown\n'))
    expect(line).toMatch(/^config\.yaml:3:1 Missing closing "quote/)
    expect([line, ...others].join('\n')).not.toContain('sk-not-shown')
  })

  test('a file that cannot be read', () => {
    const at = (named: string) => problems(() => loadConfig({ path: named, env: {}, flags: {} }))
    expect(at(join(folder, 'absent.yaml'))).toEqual([
      'cannot read the configuration file absent.yaml: there is no such file',
    ])
    expect(at(folder)).toEqual([`cannot read the configuration file ${folder}: it is a folder`])
    expect(problems(() => load(Uint8Array.of(0x61, 0x3a, 0x20, 0xff)))).toEqual([
      'cannot read the configuration file config.yaml: it is not UTF-8 text',
    ])
  })

  test('aliases of YAML that would blow up', () => {
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level < 9; level++) {
      bomb.push(
        `a${level}: &a${level} [${Array(10)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
      )
    }
    expect(problems(() => load(bomb.join('\n')))[0]).toMatch(/^config\.yaml: Excessive alias count/)
  })

  test('many problems are cut to twenty lines and a count', () => {
    const lines = problems(() => load(Array.from({ length: 30 }, (_, index) => `unknown${index}: 1`).join('\n')))
    expect(lines).toHaveLength(21)
    expect(lines.at(-1)).toBe('and 10 more problems')
  })
})

function provider(rest: string): string {
  return `providers: [{ name: a, type: t, ${rest} }]`
}

function keys(...pairs: [id: string, hash: string][]): string {
  return `keys:\n${pairs.map(([id, of]) => `  - { id: ${id}, hash: "${of}" }\n`).join('')}`
}

describe('secrets', () => {
  test('keys come from variables named *_API_KEY', () => {
    const [read] = load(provider('env_var: MAIN_API_KEY, env_vars: [SECOND_API_KEY]')).providers
    expect(read).toMatchObject({ env_var: 'MAIN_API_KEY', env_vars: ['SECOND_API_KEY'] })
  })

  test.each(['DATABASE_PASSWORD', 'PATH', 'MAIN_API_KEY_2', '_API_KEYS'])('%s needs to be allowed', (name) => {
    const refused =
      'config.yaml:1:42 providers.0.env_var: only *_API_KEY may be read; allow others in secrets.allowed_env'
    expect(problems(() => load(provider(`env_var: ${name}`)))).toEqual([refused])
    expect(load(`${provider(`env_var: ${name}`)}\nsecrets: { allowed_env: [${name}] }`).providers[0]?.env_var).toBe(
      name,
    )
  })

  test.each([
    ['MAIN_API_KEY_*', 'MAIN_API_KEY_2', true],
    ['MAIN_API_KEY_*', 'OTHER_API_KEY_2', false],
    ['*_TOKEN', 'VENDOR_TOKEN', true],
    ['*_TOKEN', 'VENDOR_TOKENS', false],
    ['*VENDOR*', 'MY_VENDOR_KEY', true],
  ])('the pattern %s on %s: %s', (pattern, name, isAllowed) => {
    const read = () => load(`${provider(`env_vars: [${name}]`)}\nsecrets: { allowed_env: ["${pattern}"] }`)
    if (isAllowed) expect(read().providers).toHaveLength(1)
    else expect(read).toThrow(/allow others in secrets.allowed_env/)
  })

  test('everything cannot be allowed', () => {
    expect(() => load('secrets: { allowed_env: ["*"] }')).toThrow(/secrets.allowed_env.0: must be a variable name/)
  })

  test('one variable twice in a pool is refused', () => {
    expect(problems(() => load(provider('env_var: A_API_KEY, env_vars: [A_API_KEY]')))).toEqual([
      'config.yaml:1:64 providers.0.env_vars.0: this variable is named twice',
    ])
  })

  test.each([
    provider('env_var: sk-canary-1234'),
    provider('env_var: sk_canary_1234'),
    provider('env_vars: [sk_canary_1234]'),
    'keys: [{ id: a, hash: sk-canary-1234 }]',
    'providers: [{ name: a, type: t, base_url: "https://sk-canary-1234@api.example.com" }]',
    'secrets: { allowed_env: [sk-canary-1234] }',
  ])('a key written where its name belongs is not printed: %s', (yaml) => {
    expect(problems(() => load(yaml)).join('\n')).not.toContain('canary')
  })

  test('a key is known by one id and one hash', () => {
    const other = hash.replace(/0$/, '1')
    expect(load(keys(['a', hash], ['b', other])).keys).toHaveLength(2)
    expect(problems(() => load(keys(['a', hash], ['a', other])))).toEqual([
      'config.yaml:3:11 keys.1.id: an earlier entry has the same id',
    ])
    expect(problems(() => load(keys(['a', hash], ['b', hash])))).toEqual([
      'config.yaml:3:20 keys.1.hash: an earlier entry has the same hash',
    ])
  })
})
