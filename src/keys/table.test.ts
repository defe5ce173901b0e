import { hash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { KeyRow } from '../store/contract.ts'
import { type KeyRule, KeyTable } from './table.ts'
import { mintKey } from './token.ts'

const noon = Date.parse('2026-03-05T12:00:00Z')
const minute = 60_000
const limits = { requestsPerMinute: 0, tokensPerMinute: 0, concurrentRequests: 0 }

function row(sha256: string, fields: Partial<KeyRow> = {}): KeyRow {
  return {
    id: 'a1b2c3d4e5f6',
    accountId: 'acme',
    name: 'team',
    sha256,
    permissions: ['models:use'],
    models: ['gpt-*'],
    created: noon,
    expires: undefined,
    revoked: undefined,
    limits,
    ...fields,
  }
}

/** A key of the configuration. */
function rule(id: string, secret: string): KeyRule {
  return { id, sha256: hash('sha256', secret), permissions: ['models:use'], models: [], accounts: [] }
}

function reasonOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return (error as { reason?: string }).reason ?? String(error)
  }
  return 'let in'
}

/** A table at a clock that the test moves. */
function tableAt(clock: { now: number }, configured: ConstructorParameters<typeof KeyTable>[0] = []): KeyTable {
  return new KeyTable(configured, { maxAgeMs: 5 * minute, now: () => clock.now })
}

describe('a minted key', () => {
  test('has its id in it, is known by its hash, and is never the same', () => {
    const { id, token, sha256 } = mintKey()
    expect(token).toMatch(new RegExp(`^sy_${id}_[A-Za-z0-9_-]{43}$`))
    expect(id).toMatch(/^[0-9a-f]{12}$/)
    expect(hash('sha256', token)).toBe(sha256)
    expect(mintKey().token).not.toBe(token)
  })
})

describe('the table of keys', () => {
  test('tells what a key may do now, for what goes on without its owner', () => {
    const clock = { now: noon }
    const table = tableAt(clock, [rule('configured', 'secret')])
    const stored = row('ab'.repeat(32), { expires: noon + minute })
    const load = (keys: readonly KeyRow[]): void =>
      table.load({ keys: [...keys], accounts: [], everHadKeys: true, at: clock.now }, true)
    load([stored])
    expect(table.principalOf('configured')).toBe(table.authenticate('secret'))
    expect(table.principalOf(stored.id)).toMatchObject({ keyId: stored.id, accounts: ['acme'], models: ['gpt-*'] })
    load([{ ...stored, permissions: [] }])
    expect(table.principalOf(stored.id).permissions.size).toBe(0)
    expect(reasonOf(() => table.principalOf(''))).toBe('unauthenticated')
    clock.now = noon + minute
    expect(reasonOf(() => table.principalOf(stored.id))).toBe('unauthenticated')
    load([])
    expect(reasonOf(() => table.principalOf(stored.id))).toBe('unauthenticated')
    table.unreachable()
    expect(reasonOf(() => table.principalOf(stored.id))).toBe('store_unavailable')
    const open = tableAt(clock)
    open.load({ keys: [], accounts: [], everHadKeys: false, at: noon }, true)
    expect(open.principalOf('')).toBe(open.authenticate(undefined))
  })

  test('lets in a stored key, with what it may', () => {
    const { token, sha256 } = mintKey()
    const table = tableAt({ now: noon })
    table.load({ keys: [row(sha256)], accounts: [], everHadKeys: true, at: noon }, true)
    expect(table.authenticate(token)).toEqual({
      keyId: 'a1b2c3d4e5f6',
      accounts: ['acme'],
      permissions: new Set(['models:use']),
      models: ['gpt-*'],
    })
    expect(reasonOf(() => table.authenticate(mintKey().token))).toBe('unauthenticated')
  })

  test('is open only when it is known that there never was a key', () => {
    const table = tableAt({ now: noon })
    expect([table.required, reasonOf(() => table.authenticate('any'))]).toEqual([true, 'store_unavailable'])
    table.load({ keys: [], accounts: [], everHadKeys: false, at: noon }, true)
    expect([table.required, table.authenticate(undefined).keyId]).toEqual([false, 'open'])
    table.load({ keys: [], accounts: [], everHadKeys: true, at: noon }, true)
    expect([table.required, reasonOf(() => table.authenticate(undefined))]).toEqual([true, 'unauthenticated'])
  })

  test('tells when somebody who was let in would not be any more', () => {
    const clock = { now: noon }
    const table = tableAt(clock)
    const still = (who: Parameters<typeof table.requireStill>[0]) => reasonOf(() => table.requireStill(who))
    const state = { accounts: [], everHadKeys: true, at: noon }
    table.load({ ...state, keys: [], everHadKeys: false }, true)
    const anybody = table.authenticate(undefined)
    expect(still(anybody)).toBe('let in')
    const [lasting, ending] = [mintKey(), mintKey()]
    const rows = [
      row(lasting.sha256, { id: lasting.id }),
      row(ending.sha256, { id: ending.id, expires: noon + minute }),
    ]
    table.load({ ...state, keys: rows }, true)
    const [one, other] = [table.authenticate(lasting.token), table.authenticate(ending.token)]
    expect([still(anybody), still(one), still(other)]).toEqual(['unauthenticated', 'let in', 'let in'])
    clock.now = noon + minute
    table.load({ ...state, keys: rows }, true)
    expect([still(one), still(other)]).toEqual(['let in', 'unauthenticated'])
    table.load({ ...state, keys: rows.slice(1) }, true)
    expect(still(one)).toBe('unauthenticated')
  })

  test('asks nothing more of a key of the configuration', () => {
    const { id, token, sha256 } = mintKey()
    const table = tableAt({ now: noon }, [{ id, sha256, permissions: ['models:use'], models: [], accounts: [] }])
    const principal = table.authenticate(token)
    expect(reasonOf(() => table.requireStill(principal))).toBe('let in')
  })

  test('ends a key at its time, to the millisecond', () => {
    const { token, sha256 } = mintKey()
    const clock = { now: noon }
    const table = tableAt(clock)
    table.load({ keys: [row(sha256, { expires: noon + minute })], accounts: [], everHadKeys: true, at: noon }, true)
    clock.now = noon + minute - 1
    expect(reasonOf(() => table.authenticate(token))).toBe('let in')
    clock.now = noon + minute
    expect(reasonOf(() => table.authenticate(token))).toBe('unauthenticated')
  })

  test('without its store, lets known keys in for five minutes, and does not call an unknown one wrong', () => {
    const { token, sha256 } = mintKey()
    const clock = { now: noon }
    const table = tableAt(clock)
    table.load({ keys: [row(sha256)], accounts: [], everHadKeys: true, at: noon }, true)
    table.unreachable()
    expect(reasonOf(() => table.authenticate(token))).toBe('let in')
    expect(reasonOf(() => table.authenticate(mintKey().token))).toBe('store_unavailable')
    clock.now = noon + 5 * minute + 1
    expect(reasonOf(() => table.authenticate(token))).toBe('store_unavailable')
    table.load({ keys: [row(sha256)], accounts: [], everHadKeys: true, at: clock.now }, true)
    expect(reasonOf(() => table.authenticate(token))).toBe('let in')
  })

  test.each([undefined, '', 'wrong', 'own ', 'OWN', hash('sha256', 'own'), '\u0000'])(
    'refuses %j without telling anything of it',
    (token) => {
      const table = tableAt({ now: noon }, [rule('ops', 'own')])
      table.load({ keys: [], accounts: [], everHadKeys: false, at: noon }, true)
      expect(() => table.authenticate(token)).toThrow(
        expect.objectContaining({ reason: 'unauthenticated', status: 401 }),
      )
      try {
        table.authenticate(token)
      } catch (error) {
        if (token !== undefined && token.length > 1) expect(String(error)).not.toContain(token)
      }
    },
  )

  test('tells two configured keys apart, each with what it may', () => {
    const table = tableAt({ now: noon }, [
      rule('one', 'own'),
      { ...rule('two', 'other'), accounts: ['x'], models: ['gpt-*'] },
    ])
    expect(table.authenticate('own').keyId).toBe('one')
    expect(table.authenticate('other')).toMatchObject({ keyId: 'two', accounts: ['x'], models: ['gpt-*'] })
  })

  test('knows configured keys whatever the store does', () => {
    const table = tableAt({ now: noon }, [rule('ops', 'own')])
    table.unreachable()
    expect(table.authenticate('own').keyId).toBe('ops')
  })

  test('knows which accounts let their content be kept', () => {
    const table = tableAt({ now: noon })
    const account = { id: 'acme', name: 'Acme', created: noon, logContent: true }
    table.load(
      {
        keys: [],
        accounts: [account, { ...account, id: 'b', logContent: false }],
        everHadKeys: true,
        at: noon,
      },
      true,
    )
    expect([table.keepsContent('acme'), table.keepsContent('b'), table.keepsContent('c')]).toEqual([true, false, false])
  })
})
