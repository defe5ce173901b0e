import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { GatewayError } from '../../src/error/index.ts'
import type { Store } from '../../src/store/contract.ts'
import { openStore, type StoreOptions } from '../../src/store/open.ts'
import { type Postgres, startPostgres } from '../services/postgres.ts'
import { idAt, keyRow, providerRow, requestRow } from './store-rows.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-stores-'))
let postgres: Postgres

beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(async () => {
  await postgres.end()
  rmSync(folder, { recursive: true })
})

let files = 0
const engines = {
  sqlite: async () => join(folder, `${(files += 1)}`, 'switchyard.db'),
  postgres: () => postgres.database(),
}

/** The reason a promise is rejected with. */
async function reasonOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'nothing was wrong',
    (error: unknown) => (error instanceof GatewayError ? error.reason : String(error)),
  )
}

describe.each(Object.entries(engines))('on %s', (engine, newLocation) => {
  const opened: Store[] = []
  const open = async (location: string, options?: StoreOptions): Promise<Store> => {
    const store = await openStore(location, options)
    opened.push(store)
    return store
  }
  const fresh = async (): Promise<Store> => open(await newLocation())
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()))
  })

  test('three openings at once find one schema, and what one writes the others read', async () => {
    const location = await newLocation()
    const [first, second, third] = await Promise.all([open(location), open(location), open(location)])
    expect(first.engine).toBe(engine)
    await first.registry.createProvider(providerRow())
    expect(await second.registry.providers()).toEqual([providerRow()])
    expect(await third.registry.providers()).toEqual([providerRow()])
    expect(await third.accounts.allAccounts()).toEqual([
      { id: 'default', name: 'default', created: 0, logContent: false },
    ])
  })

  test('what was written is there after closing and opening again', async () => {
    const location = await newLocation()
    const first = await open(location)
    await first.registry.setAlias({
      name: 'fast',
      targets: [{ provider: 'p', model: '', order: 0, weight: 1 }],
      updated: 5,
    })
    await first.close()
    const second = await open(location)
    expect(await second.registry.aliases()).toEqual([
      { name: 'fast', targets: [{ provider: 'p', model: '', order: 0, weight: 1 }], updated: 5 },
    ])
  })

  describe('registry', () => {
    test('keeps every kind of secret, and refuses twins', async () => {
      const { registry } = await fresh()
      const rows = [
        providerRow({ id: '1', name: 'a', secret: { kind: 'none' } }),
        providerRow({ id: '2', name: 'b', secret: { kind: 'env', variable: 'NORTH_API_KEY' } }),
        providerRow({ id: '3', name: 'c', secret: { kind: 'file', path: '/run/secrets/north' } }),
        providerRow({ id: '4', name: 'd' }),
      ]
      for (const row of rows) await registry.createProvider(row)
      expect(await registry.providers()).toEqual(rows)
      expect(await reasonOf(registry.createProvider(providerRow({ id: '5', name: 'a' })))).toBe('conflict')
      expect(await reasonOf(registry.createProvider(providerRow({ id: '1', name: 'e' })))).toBe('conflict')
      expect(await reasonOf(registry.updateProvider(providerRow({ id: '1', name: 'b' })))).toBe('conflict')
      expect(await reasonOf(registry.updateProvider(providerRow({ id: '9', name: 'z' })))).toBe('not_found')
      expect(await registry.providers()).toEqual(rows)
    })

    test('a provider takes its models along when it is renamed or deleted', async () => {
      const { registry } = await fresh()
      await registry.createProvider(providerRow())
      await registry.sawModels('north', [{ model: 'm1', facts: '{"a":1}' }], 10)
      await registry.sawModels('configured', [{ model: 'm1', facts: '{}' }], 10)
      await registry.updateProvider(providerRow({ name: 'arctic' }))
      expect((await registry.models()).map(({ provider }) => provider)).toEqual(['arctic', 'configured'])
      await registry.deleteProvider('a1b2c3d4')
      expect((await registry.models()).map(({ provider }) => provider)).toEqual(['configured'])
      expect(await reasonOf(registry.deleteProvider('a1b2c3d4'))).toBe('not_found')
    })

    test('remembers when a model was seen first and last', async () => {
      const { registry } = await fresh()
      await registry.sawModels(
        'north',
        [
          { model: 'm1', facts: '{}' },
          { model: 'm2', facts: '{}' },
        ],
        10,
      )
      await registry.sawModels(
        'north',
        [
          { model: 'm2', facts: '{"new":true}' },
          { model: 'm3', facts: '{}' },
        ],
        20,
      )
      expect(await registry.models()).toEqual([
        { provider: 'north', model: 'm1', firstSeen: 10, lastSeen: 10, facts: '{}' },
        { provider: 'north', model: 'm2', firstSeen: 10, lastSeen: 20, facts: '{"new":true}' },
        { provider: 'north', model: 'm3', firstSeen: 20, lastSeen: 20, facts: '{}' },
      ])
    })

    test('replaces and deletes aliases', async () => {
      const { registry } = await fresh()
      const alias = { name: 'fast', targets: [{ provider: 'a', model: 'm', order: 0, weight: 2 }], updated: 1 }
      await registry.setAlias(alias)
      const next = {
        ...alias,
        targets: [...alias.targets, { provider: 'b', model: '', order: 1, weight: 1 }],
        updated: 2,
      }
      await registry.setAlias(next)
      expect(await registry.aliases()).toEqual([next])
      await registry.deleteAlias('fast')
      expect(await registry.aliases()).toEqual([])
      expect(await reasonOf(registry.deleteAlias('fast'))).toBe('not_found')
    })
  })

  describe('revision', () => {
    test('counts every change of registry, accounts and keys, and no failed one', async () => {
      const store = await fresh()
      const { registry, accounts } = store
      const start = await store.revision()
      await registry.createProvider(providerRow())
      await accounts.createAccount({ id: 'acme', name: 'Acme', created: 1, logContent: true })
      await accounts.createKey(keyRow())
      await accounts.revokeKey('k1', 'all', 5)
      expect(await store.revision()).toBe(start + 4n)
      await reasonOf(registry.createProvider(providerRow()))
      await reasonOf(registry.deleteAlias('none'))
      expect(await store.revision()).toBe(start + 4n)
    })

    test('a change by one is told to the others', async () => {
      const location = await newLocation()
      const [first, second] = await Promise.all([open(location), open(location)])
      const changed = vi.fn<() => void>()
      const failed = vi.fn<() => void>()
      const stop = second.watch(changed, failed)
      // Watching has begun once a change of its own side is seen.
      await second.registry.setAlias({
        name: 'x',
        targets: [{ provider: 'p', model: '', order: 0, weight: 1 }],
        updated: 1,
      })
      await vi.waitFor(() => expect(changed).toHaveBeenCalled())
      const before = changed.mock.calls.length
      await first.registry.createProvider(providerRow())
      await vi.waitFor(() => expect(changed.mock.calls.length).toBeGreaterThan(before), { timeout: 1000, interval: 10 })
      expect(failed).not.toHaveBeenCalled()
      stop()
    })
  })

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
    ])('refuses the cursor %s', async (cursor) => {
      const { accounts, ledger } = await fresh()
      expect(await reasonOf(accounts.accounts('all', { limit: 1, cursor }))).toBe('invalid_request')
      expect(await reasonOf(ledger.requests({}, 'all', { limit: 1, cursor }))).toBe('invalid_request')
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
  })

  describe('ledger', () => {
    test('gives back every field of a row', async () => {
      const { ledger } = await fresh()
      const full = requestRow()
      const bare = requestRow({
        attempts: [],
        finishReasons: [],
        status: 'error',
        reason: 'model_not_found',
        costNanoUsd: undefined,
        timeToFirstEvent: undefined,
        streaming: false,
      })
      const large = requestRow({ costNanoUsd: 9_007_199_254_740_993n, started: Date.now() + 400 * 86_400_000 })
      await ledger.append([full, bare, large], [])
      for (const row of [full, bare, large]) expect(await ledger.request(row.id, 'all')).toEqual(row)
    })

    test('takes a row in once, however often and however late it is given', async () => {
      const { ledger, accounts } = await fresh()
      const now = Date.now()
      const rows = Array.from({ length: 20 }, (_, index) =>
        requestRow({ started: now - index * 3_600_000, costNanoUsd: 7n }),
      )
      await ledger.append(rows.slice(0, 12), [])
      await ledger.append(rows.slice(6), [])
      await ledger.append(rows.toReversed(), [])
      await ledger.append([requestRow({ id: rows[0]?.id ?? '', started: now + 5, costNanoUsd: 7n })], [])
      expect((await ledger.requests({}, 'all', { limit: 100 })).rows).toEqual(rows)
      expect(await accounts.charges('all')).toEqual([{ accountId: 'default', nanoUsd: 140n, requests: 20n }])
    })

    test('takes in rows from any time, and around midnight', async () => {
      const { ledger } = await fresh()
      const midnight = Date.UTC(2026, 10, 25)
      const times = [0, Date.UTC(1999, 5, 1), midnight - 1, midnight, midnight + 1, Date.UTC(2040, 0, 1)]
      const rows = times.map((started) => requestRow({ started, id: `row-${started}` }))
      await ledger.append(rows, [])
      expect((await ledger.requests({}, 'all', { limit: 100 })).rows.map(({ started }) => started)).toEqual(
        times.toReversed(),
      )
      const day = await ledger.requests({ since: midnight, until: midnight + 1 }, 'all', { limit: 100 })
      expect(day.rows.map(({ started }) => started)).toEqual([midnight])
    })

    test('nothing that a client can say makes a row that is refused', async () => {
      const { ledger } = await fresh()
      const odd = requestRow({
        alias: `\0${'x'.repeat(100_000)}`,
        clientRequestId: '\u{10FFFF}'.repeat(2000),
        model: 'lone \uD800 surrogate',
        duration: Number.NaN,
        requestBytes: -1,
        usage: { ...requestRow().usage, inputTokens: 1.5, audioSeconds: Number.POSITIVE_INFINITY },
      })
      const plain = requestRow()
      await ledger.append([odd, plain], [])
      expect(await ledger.request(plain.id, 'all')).toEqual(plain)
      const kept = await ledger.request(odd.id, 'all')
      expect(kept).toMatchObject({ duration: 0, requestBytes: 0, model: 'lone \uFFFD surrogate' })
      expect(kept.alias).toHaveLength(512)
    })

    test('finds a row by its id, or the newest by what its client called it, within the scope', async () => {
      const { ledger } = await fresh()
      const now = Date.now()
      const old = requestRow({ started: now - 100_000_000, clientRequestId: 'mine', accountId: 'acme' })
      const recent = requestRow({ started: now, clientRequestId: 'mine', accountId: 'acme' })
      const foreign = requestRow({ started: now + 1, clientRequestId: 'mine', accountId: 'other' })
      await ledger.append([recent, old, foreign], [])
      expect(await ledger.request(old.id, ['acme'])).toEqual(old)
      expect(await ledger.request('mine', ['acme'])).toEqual(recent)
      expect(await ledger.request('mine', 'all')).toEqual(foreign)
      expect(await reasonOf(ledger.request(foreign.id, ['acme']))).toBe('not_found')
      expect(await reasonOf(ledger.request('', 'all'))).toBe('not_found')
      expect(await reasonOf(ledger.request(old.id, []))).toBe('not_found')
    })

    test('lists newest first, by every filter, page by page', async () => {
      const { ledger } = await fresh()
      const start = Date.UTC(2026, 10, 20)
      const rows = Array.from({ length: 30 }, (_, index) =>
        requestRow({
          started: start + Math.floor(index / 4) * 40_000_000,
          id: idAt(start + index),
          provider: index % 2 === 0 ? 'north' : 'south',
          accountId: index % 3 === 0 ? 'acme' : 'default',
          status: index % 5 === 0 ? 'error' : 'ok',
        }),
      )
      await ledger.append(rows, [])
      const order = rows.toSorted((a, b) => b.started - a.started || (a.id < b.id ? 1 : -1))
      const listed: string[] = []
      let cursor: string | undefined
      do {
        const page = await ledger.requests({}, 'all', { limit: 7, cursor })
        listed.push(...page.rows.map(({ id }) => id))
        cursor = page.nextCursor
      } while (cursor !== undefined)
      expect(listed).toEqual(order.map(({ id }) => id))
      const filtered = await ledger.requests(
        { provider: 'north', status: 'ok', since: start + 40_000_000, until: start + 200_000_000 },
        ['acme'],
        { limit: 100 },
      )
      const wanted = order.filter(
        (row) =>
          row.provider === 'north' &&
          row.status === 'ok' &&
          row.accountId === 'acme' &&
          row.started >= start + 40_000_000 &&
          row.started < start + 200_000_000,
      )
      expect(wanted.length).toBeGreaterThan(1)
      expect(filtered.rows.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id))
    })

    test('concurrent appends from three stores lose nothing and charge once', async () => {
      const location = await newLocation()
      const stores = await Promise.all([open(location), open(location), open(location)])
      const started = Date.now()
      const rows = Array.from({ length: 600 }, (_, index) =>
        requestRow({ started: started + index, accountId: `a${index % 5}`, costNanoUsd: BigInt(index) }),
      )
      const batches = stores.flatMap((store, index) =>
        [0, 100, 200, 300, 400, 500].map((from) =>
          // Every row is given by two of them.
          store.ledger.append(
            rows
              .slice(from, from + 100)
              .filter((_, at) => at % 3 !== index)
              .toReversed(),
            [],
          ),
        ),
      )
      await Promise.all(batches)
      const [store] = stores
      expect((await store.ledger.requests({}, 'all', { limit: 1000 })).rows).toEqual(rows.toReversed())
      const charges = await store.accounts.charges('all')
      expect(charges.map(({ requests }) => requests)).toEqual([120n, 120n, 120n, 120n, 120n])
      expect(charges.reduce((sum, { nanoUsd }) => sum + nanoUsd, 0n)).toBe(BigInt((599 * 600) / 2))
    })

    test('who follows gets every row in the order it was taken in', async () => {
      const location = await newLocation()
      const [first, second] = await Promise.all([open(location), open(location)])
      await first.ledger.append([requestRow()], [])
      let { rows, position } = await first.ledger.follow(undefined, {}, 'all', 10)
      expect(rows).toEqual([])
      const started = Date.now()
      const sent = Array.from({ length: 90 }, (_, index) => requestRow({ started: started - index * 1000 }))
      const appends = Array.from({ length: 30 }, (_, index) =>
        (index % 2 === 0 ? first : second).ledger.append(sent.slice(index * 3, index * 3 + 3), []),
      )
      const seen: string[] = []
      const done = Promise.all(appends)
      let over = false
      void done.then(() => (over = true))
      for (;;) {
        const last = over
        ;({ rows, position } = await second.ledger.follow(position, {}, 'all', 7))
        seen.push(...rows.map(({ id }) => id))
        if (last && rows.length === 0) break
      }
      await done
      expect(seen.toSorted()).toEqual(sent.map(({ id }) => id).toSorted())
      expect(await reasonOf(first.ledger.follow('x', {}, 'all', 1))).toBe('invalid_request')
    })

    test('content lies apart, in its scope, until its time', async () => {
      const { ledger } = await fresh()
      const row = requestRow({ accountId: 'acme' })
      const content = {
        id: row.id,
        accountId: 'acme',
        request: '{"a":"\\u0000"}',
        response: '{}',
        expires: Date.now() + 60_000,
      }
      const past = { ...content, id: 'past', expires: Date.now() - 1 }
      await ledger.append([row], [content, past])
      await ledger.append([row], [{ ...content, request: 'other' }])
      expect(await ledger.content(row.id, ['acme'])).toEqual(content)
      expect(await reasonOf(ledger.content(row.id, ['default']))).toBe('not_found')
      expect(await reasonOf(ledger.content('past', 'all'))).toBe('not_found')
    })
  })
})
