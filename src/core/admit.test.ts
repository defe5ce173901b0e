import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import { permissions } from '../dialects/permissions.ts'
import { authorize, authorizeModel, openPrincipal, selectAccount } from './admit.ts'
import type { Principal, Route } from './contract.ts'

const principal = (fields: Partial<Principal> = {}): Principal => ({
  keyId: 'team',
  accounts: [],
  permissions: new Set(['models:use']),
  models: [],
  ...fields,
})

describe('a gateway without keys', () => {
  test('lets everybody do everything', () => {
    for (const permission of permissions) authorize(openPrincipal, permission)
  })

  test('lets everybody act for any account', () => {
    expect(selectAccount(openPrincipal, 'acme')).toBe('acme')
  })
})

describe('a permission', () => {
  test('is what the key has, and nothing else', () => {
    const reader = principal({ permissions: new Set(['usage:read']) })
    for (const permission of permissions) {
      const attempt = (): void => authorize(reader, permission)
      if (permission === 'usage:read') expect(attempt).not.toThrow()
      else expect(attempt).toThrow(expect.objectContaining({ reason: 'permission_denied', status: 403 }))
    }
  })

  test('is every one for an admin', () => {
    for (const permission of permissions)
      expect(() => authorize(principal({ permissions: new Set(['admin']) }), permission)).not.toThrow()
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
    expect(() => selectAccount(principal({ permissions: new Set(['admin']) }), 'acme')).toThrow(
      expect.objectContaining({ reason: 'permission_denied' }),
    )
  })

  test('cannot be chosen by a key that only calls itself open', () => {
    expect(() => selectAccount(principal({ accounts: ['acme'], keyId: 'open' }), 'globex')).toThrow()
    expect(() => selectAccount(principal({ keyId: 'open' }), 'globex')).toThrow()
  })
})
