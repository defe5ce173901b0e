import { expect, test } from 'vitest'
import type { Principal } from '../core/contract.ts'
import type { Permission } from '../dialects/permissions.ts'
import { checkGrant, type Grant } from './grants.ts'

function creator(permissions: readonly Permission[], models: readonly string[] = [], expires?: number): Principal {
  const end = expires === undefined ? {} : { expires }
  return { keyId: 'creator', accounts: ['acme'], permissions: new Set(permissions), models, ...end }
}

function outcome(by: Principal, grant: Partial<Grant>): string {
  try {
    checkGrant(by, { permissions: ['models:use'], models: [], expires: undefined, ...grant })
    return 'granted'
  } catch (error) {
    const { reason, details } = error as { reason: string; details: { param?: string } }
    return [reason, details.param].join(' ')
  }
}

const own: readonly Permission[] = ['models:use', 'keys:write']

test.each([
  ['what it has', creator(own), { permissions: ['models:use', 'keys:write'] }, 'granted'],
  [
    'a permission it lacks',
    creator(own),
    { permissions: ['models:use', 'providers:write'] },
    'permission_denied permissions',
  ],
  ['admin, without being one', creator(own), { permissions: ['admin'] }, 'permission_denied permissions'],
  ['anything, as an admin', creator(['admin']), { permissions: ['admin', 'batches:write'] }, 'granted'],
  ['a permission that is none', creator(['admin']), { permissions: ['everything'] }, 'invalid_request permissions'],
  ['every model, with some', creator(own, ['gpt-*']), { models: [] }, 'permission_denied models'],
  ['a model within its own', creator(own, ['gpt-*']), { models: ['gpt-4o'] }, 'granted'],
  ['a narrower prefix', creator(own, ['gpt-*']), { models: ['gpt-4*'] }, 'granted'],
  ['a wider prefix', creator(own, ['gpt-4*']), { models: ['gpt-*'] }, 'permission_denied models'],
  ['a prefix, with one exact name', creator(own, ['gpt-4']), { models: ['gpt-4*'] }, 'permission_denied models'],
  ['a star in the middle', creator(own), { models: ['g*t'] }, 'invalid_request models'],
  ['a longer life', creator(own, [], 1000), { expires: 1001 }, 'permission_denied expires'],
  ['a life without end', creator(own, [], 1000), {}, 'permission_denied expires'],
  ['the same life', creator(own, [], 1000), { expires: 1000 }, 'granted'],
])('a key asked to grant %s', (_what, by, grant, expected) => {
  expect(outcome(by, grant)).toBe(expected)
})
