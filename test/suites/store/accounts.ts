import { describe, expect, test } from 'vitest'
import { type Bed, reasonOf } from './bed.ts'
import { keyRow } from './rows.ts'

/** Accounts and keys. */
export function accountsSuite({ fresh }: Bed): void {
  describe('accounts and keys', () => {
    const acme = { id: 'acme', name: 'Acme', created: 10, logContent: true }

    test('keeps accounts, refuses twins, and changes name and consent', async () => {
      const { accounts } = await fresh()
      await accounts.createAccount(acme)
      expect(await reasonOf(accounts.createAccount({ ...acme, id: 'other' }))).toBe('conflict')
      expect(await reasonOf(accounts.createAccount({ ...acme, name: 'other' }))).toBe('conflict')
      await accounts.updateAccount({ id: 'acme', name: 'Acme Inc', logContent: false })
      expect((await accounts.allAccounts()).at(-1)).toEqual({ ...acme, name: 'Acme Inc', logContent: false })
      expect(await reasonOf(accounts.updateAccount({ id: 'acme', name: 'default', logContent: false }))).toBe(
        'conflict',
      )
      expect(await reasonOf(accounts.updateAccount({ id: 'none', name: 'none', logContent: false }))).toBe('not_found')
    })

    test('lists within a scope, page by page', async () => {
      const { accounts } = await fresh()
      for (let index = 0; index < 7; index += 1)
        await accounts.createAccount({
          id: `a${index}`,
          name: `name ${index}`,
          created: 100 + Math.floor(index / 3),
          logContent: false,
        })
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await accounts.accounts('all', { limit: 3, cursor })
        expect(page.rows.length).toBeLessThanOrEqual(3)
        seen.push(...page.rows.map(({ id }) => id))
        cursor = page.nextCursor
      } while (cursor !== undefined)
      expect(seen).toEqual(['default', 'a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6'])
      const within = await accounts.accounts(['a1', 'a5', 'none'], { limit: 10 })
      expect(within.rows.map(({ id }) => id)).toEqual(['a1', 'a5'])
      expect((await accounts.accounts([], { limit: 10 })).rows).toEqual([])
    })

    test.each([
      'x',
      'bm9wZQ',
      Buffer.from('["1"]').toString('base64url'),
      Buffer.from('["1e3","a"]').toString('base64url'),
      Buffer.from(String.raw`["1","\u0000"]`).toString('base64url'),
    ])('refuses the cursor %s', async (cursor) => {
      const { accounts, ledger } = await fresh()
      expect(await reasonOf(accounts.accounts('all', { limit: 1, cursor }))).toBe('invalid_request')
      expect(await reasonOf(ledger.requests({}, 'all', { limit: 1, cursor }))).toBe('invalid_request')
    })

    test('keeps an expiry in the far future as the last one that can be told', async () => {
      const { accounts } = await fresh()
      await accounts.createKey(keyRow({ expires: 1e18 }))
      const { rows } = await accounts.keys('all', { limit: 10 })
      expect(rows.map(({ expires }) => new Date(expires ?? 0).toISOString())).toEqual(['9999-12-31T23:59:59.999Z'])
    })

    test('refuses NUL in whatever is written or looked for, since not every engine can hold it', async () => {
      const { accounts, ledger, registry } = await fresh()
      const nul = 'a\0b'
      const asked = [
        accounts.createAccount({ ...acme, name: nul }),
        accounts.createKey(keyRow({ name: nul })),
        accounts.createKey(keyRow({ models: [nul] })),
        accounts.keys([nul], { limit: 1 }),
        accounts.revokeKey(nul, 'all', 1),
        ledger.request(nul, 'all'),
        ledger.requests({ model: nul }, 'all', { limit: 1 }),
        ledger.usage({ provider: nul }, [], 'all'),
        registry.deleteAlias(nul),
        registry.setAlias({ name: nul, targets: [{ provider: 'p', model: 'm', order: 0, weight: 1 }], updated: 1 }),
      ]
      expect(await Promise.all(asked.map(reasonOf))).toEqual(asked.map(() => 'invalid_request'))
    })

    test('keeps keys, and tells which may be used', async () => {
      const { accounts } = await fresh()
      expect(await accounts.everHadKeys()).toBe(false)
      await accounts.createAccount(acme)
      const keys = [
        keyRow(),
        keyRow({ id: 'k2', sha256: 'cd'.repeat(32), accountId: 'acme', expires: 5000, created: 1001 }),
        keyRow({ id: 'k3', sha256: 'ef'.repeat(32), accountId: 'acme', created: 1002 }),
      ]
      for (const key of keys) await accounts.createKey(key)
      expect(await reasonOf(accounts.createKey(keyRow({ id: 'k4' })))).toBe('conflict')
      expect(await reasonOf(accounts.createKey(keyRow({ id: 'k4', sha256: '00'.repeat(32), accountId: 'none' })))).toBe(
        'not_found',
      )
      expect((await accounts.keys('all', { limit: 10 })).rows).toEqual(keys)
      expect((await accounts.keys(['acme'], { limit: 10 })).rows).toEqual(keys.slice(1))
      expect(await reasonOf(accounts.revokeKey('k3', ['default'], 2000))).toBe('not_found')
      const revoked = { ...keys[2], revoked: 2000 }
      expect(await accounts.revokeKey('k3', ['acme'], 2000)).toEqual(revoked)
      expect(await accounts.revokeKey('k3', 'all', 3000)).toEqual(revoked)
      const usable = async (at: number) => (await accounts.usableKeys(at)).map(({ id }) => id).toSorted()
      expect(await usable(4999)).toEqual(['k1', 'k2'])
      expect(await usable(5000)).toEqual(['k1'])
      expect(await accounts.everHadKeys()).toBe(true)
    })

    test('forgets a key by its id and hash together, as if it had never been', async () => {
      const store = await fresh()
      const { accounts } = store
      const key = keyRow()
      await accounts.createKey(key)
      const before = await store.revision()
      await accounts.forgetKey(key.id, '00'.repeat(32))
      await accounts.forgetKey('another', key.sha256)
      expect([await accounts.usableKeys(1), await store.revision()]).toEqual([[key], before])
      await accounts.forgetKey(key.id, key.sha256)
      expect([await accounts.everHadKeys(), await store.revision()]).toEqual([false, before + 1n])
    })
  })
}
