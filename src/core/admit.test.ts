import { hash } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { Permission } from '../dialects/permissions.ts'
import { authorize, authorizeModel, createKeys, type KeyRule, matchesAny, selectAccount } from './admit.ts'
import type { Principal, Route } from './contract.ts'

const secret = 'sk-very-secret'
const rule = (fields: Partial<KeyRule> = {}): KeyRule => ({
  id: 'team',
  sha256: hash('sha256', secret),
  permissions: ['models:use'],
  models: [],
  accounts: [],
  ...fields,
})
const principal = (fields: Partial<KeyRule> = {}): Principal => createKeys([rule(fields)]).authenticate(secret)

describe('a gateway without keys', () => {
  const keys = createKeys([])

  test.each([undefined, '', 'anything'])('lets everybody do everything, whatever the key (%s)', (token) => {
    const open = keys.authenticate(token)
    expect([keys.required, open.keyId]).toEqual([false, 'open'])
    for (const permission of ['models:use', 'admin', 'keys:write', 'usage:read'] as const) authorize(open, permission)
  })

  test('lets everybody act for any account', () => {
    expect(selectAccount(keys.authenticate(undefined), 'acme')).toBe('acme')
  })
})

describe('a gateway with keys', () => {
  test('knows a key by its hash', () => {
    expect(principal({ id: 'a', accounts: ['x'], models: ['gpt-*'] })).toMatchObject({
      keyId: 'a',
      accounts: ['x'],
      models: ['gpt-*'],
    })
  })

  test.each([undefined, '', 'wrong', `${secret} `, secret.toUpperCase(), hash('sha256', secret), '\u0000'])(
    'refuses %j without telling anything of it',
    (token) => {
      const keys = createKeys([rule()])
      expect(() => keys.authenticate(token)).toThrow(
        expect.objectContaining({ reason: 'unauthenticated', status: 401 }),
      )
      try {
        keys.authenticate(token)
      } catch (error) {
        if (token !== undefined && token.length > 1) expect(String(error)).not.toContain(token)
      }
    },
  )

  test('tells two keys apart', () => {
    const keys = createKeys([rule({ id: 'one' }), rule({ id: 'two', sha256: hash('sha256', 'other') })])
    expect([keys.authenticate(secret).keyId, keys.authenticate('other').keyId]).toEqual(['one', 'two'])
  })
})

describe('a permission', () => {
  const all: readonly Permission[] = [
    'models:use',
    'usage:read',
    'requests:read',
    'providers:read',
    'providers:write',
    'keys:write',
    'batches:write',
    'admin',
  ]

  test('is what the key has, and nothing else', () => {
    const reader = principal({ permissions: ['usage:read'] })
    for (const permission of all) {
      const attempt = (): void => authorize(reader, permission)
      if (permission === 'usage:read') expect(attempt).not.toThrow()
      else expect(attempt).toThrow(expect.objectContaining({ reason: 'permission_denied', status: 403 }))
    }
  })

  test('is every one for an admin', () => {
    for (const permission of all)
      expect(() => authorize(principal({ permissions: ['admin'] }), permission)).not.toThrow()
  })
})

describe('a pattern of model names', () => {
  test.each([
    ['gpt-4o', 'gpt-4o', true],
    ['gpt-4o', 'gpt-4o-mini', false],
    ['gpt-4o', 'GPT-4o', false],
    ['gpt-*', 'gpt-4o', true],
    ['gpt-*', 'gpt-', true],
    ['gpt-*', 'gpt', false],
    ['*', '', true],
    ['*', 'anything/at-all', true],
    ['openai/*', 'openai/gpt-4o', true],
    ['openai/*', 'openai2/gpt-4o', false],
    ['a.c', 'abc', false],
  ])('%s and %s: %s', (pattern, name, expected) => {
    expect(matchesAny([pattern], name)).toBe(expected)
    expect(matchesAny(['nothing', pattern], name)).toBe(expected)
  })
})

describe('a key for some models', () => {
  const target = (name: string, model: string): Route['targets'][number] => ({
    provider: {
      record: create(ProviderSchema, { id: name, name }),
      provider: {},
      credentials: [],
      models: [],
      patterns: [],
    },
    model,
  })
  const route = (alias: string, ...targets: Route['targets']): Route => ({ alias, targets })
  const may = (models: readonly string[], asked: Route): boolean => {
    try {
      authorizeModel(principal({ models }), asked)
      return true
    } catch (error) {
      expect(error).toMatchObject({ reason: 'permission_denied', details: { param: 'model' } })
      return false
    }
  }
  const fast = route('fast', target('openai', 'gpt-4o'), target('azure', 'gpt-4o'))

  test.each([
    [[], fast, true],
    [['fast'], fast, true],
    [['fa*'], fast, true],
    [['slow'], fast, false],
    [['openai/*'], fast, false],
    [['openai/*', 'azure/*'], fast, true],
    [['openai/gpt-4o', 'azure/gpt-4o'], fast, true],
    [['gpt-4o'], fast, false],
    [['openai/gpt-4o'], route('openai/gpt-4o', target('openai', 'gpt-4o')), true],
    [['openai/gpt-4o-mini'], route('openai/gpt-4o', target('openai', 'gpt-4o')), false],
    [['gpt-4o'], route('gpt-4o', target('openai', 'gpt-4o')), true],
  ] as const)('%j may ask for %o: %s', (models, asked, expected) => {
    expect(may(models, asked)).toBe(expected)
  })
})

describe('an account', () => {
  const two = principal({ accounts: ['acme', 'globex'] })

  test.each([
    [undefined, 'acme'],
    ['', 'acme'],
    ['acme', 'acme'],
    ['globex', 'globex'],
  ])('of %s is %s', (selected, expected) => {
    expect(selectAccount(two, selected)).toBe(expected)
  })

  test.each(['initech', 'Acme', 'acme ', 'acme,globex'])('that is foreign is refused (%s)', (selected) => {
    expect(() => selectAccount(two, selected)).toThrow(expect.objectContaining({ reason: 'permission_denied' }))
  })

  test('cannot be chosen by a key that has none', () => {
    expect(selectAccount(principal(), undefined)).toBe('')
    expect(() => selectAccount(principal(), 'acme')).toThrow(expect.objectContaining({ reason: 'permission_denied' }))
    expect(() => selectAccount(principal({ permissions: ['admin'] }), 'acme')).toThrow(
      expect.objectContaining({ reason: 'permission_denied' }),
    )
  })

  test('cannot be chosen by a key that only calls itself open', () => {
    expect(() => selectAccount(principal({ accounts: ['acme'], id: 'open' }), 'globex')).toThrow()
    expect(() => selectAccount(principal({ id: 'open' }), 'globex')).toThrow()
  })
})
