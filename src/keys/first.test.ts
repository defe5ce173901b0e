import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { fail } from '../error/index.ts'
import type { AccountStore, Store } from '../store/contract.ts'
import { Mirror } from '../store/mirror.ts'
import { openStore } from '../store/open.ts'
import { createFirstKey, type FirstKeyOptions } from './first.ts'
import { KeyTable } from './table.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

/** A store of its own, without keys. */
async function emptyStore(): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-first-'))
  const store = await openStore(join(folder, 'switchyard.db'))
  onTestFinished(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })
  return store
}

/** A gateway that has read a store without keys, and looks again only when it is told to. */
async function gatewayOn(store: Store, parts: Partial<FirstKeyOptions> = {}) {
  const { registry, accounts } = store
  const mirrored = { registry, accounts, revision: () => store.revision(), watch: () => () => {} }
  const mirror = await Mirror.open({ store: mirrored, folder: undefined, log: quiet })
  onTestFinished(() => mirror.close())
  const keys = new KeyTable([], { maxAgeMs: 60_000 })
  await mirror.follow(keys)
  const options = { store: accounts, refresh: () => mirror.refresh(), log: quiet, pauseMs: 0, ...parts }
  return { keys, mirror, first: () => createFirstKey(options) }
}

const away = () => fail('store_unavailable', 'the database cannot be reached')

/** The accounts of a store, with some methods of their own. */
function failing({ accounts }: Store, own: Partial<AccountStore>): AccountStore {
  return { ...accounts, ...own }
}

test('of gateways that start at once one makes the first key, and every one of them asks for it', async () => {
  const store = await emptyStore()
  const gateways = [await gatewayOn(store), await gatewayOn(store), await gatewayOn(store)]
  expect(gateways.map(({ keys }) => keys.required)).toEqual([false, false, false])
  const made = await Promise.all(gateways.map(({ first }) => first()))
  const tokens = made.flatMap((key) => key?.show() ?? [])
  expect(tokens).toHaveLength(1)
  expect(gateways.map(({ keys }) => keys.authenticate(tokens[0]).keyId)).toEqual(Array(3).fill('000000000001'))
  expect(gateways.map(({ keys }) => keys.required)).toEqual([true, true, true])
})

test('a store that goes away while the first key is made, and comes back, costs nothing', async () => {
  const store = await emptyStore()
  const createKey = vi.fn<AccountStore['createKey']>((row) => store.accounts.createKey(row))
  createKey.mockRejectedValueOnce(away())
  createKey.mockImplementationOnce(async (row) => {
    await store.accounts.createKey(row)
    throw away()
  })
  const refresh = vi.fn<FirstKeyOptions['refresh']>(() => gateway.mirror.refresh())
  refresh.mockRejectedValueOnce(away())
  const gateway = await gatewayOn(store, { store: failing(store, { createKey }), refresh })
  const key = await gateway.first()
  expect(gateway.keys.authenticate(key?.show()).keyId).toBe('000000000001')
  expect([createKey.mock.calls.length, refresh.mock.calls.length]).toEqual([3, 2])
})

test('a first key that cannot be read back is forgotten, so that the next start makes one', async () => {
  const store = await emptyStore()
  const gateway = await gatewayOn(store, { refresh: () => Promise.reject(away()) })
  await expect(gateway.first()).rejects.toMatchObject({ reason: 'store_unavailable' })
  expect(await store.accounts.everHadKeys()).toBe(false)
  const next = await gatewayOn(store)
  expect(next.keys.authenticate((await next.first())?.show()).keyId).toBe('000000000001')
})

test('a first key that nobody was shown is forgotten, and nobody who asked for it is open again', async () => {
  const store = await emptyStore()
  const other = await gatewayOn(store)
  {
    await using key = await (await gatewayOn(store)).first()
    expect(key).toBeDefined()
    await other.mirror.refresh()
  }
  expect(await store.accounts.everHadKeys()).toBe(false)
  await other.mirror.refresh()
  expect(other.keys.required).toBe(true)
  {
    await using key = await (await gatewayOn(store)).first()
    key?.show()
  }
  expect(await store.accounts.everHadKeys()).toBe(true)
})

test('the operator is told of a first key that could be neither read back nor forgotten', async () => {
  const store = await emptyStore()
  const error = vi.fn<FirstKeyOptions['log']['error']>()
  const unforgetting = failing(store, { forgetKey: () => Promise.reject(away()) })
  const refresh = () => Promise.reject(away())
  const gateway = await gatewayOn(store, { store: unforgetting, refresh, log: { error } })
  await expect(gateway.first()).rejects.toMatchObject({ reason: 'store_unavailable' })
  expect(error.mock.calls.map(([, message]) => message)).toEqual([
    'the first key may be stored, and was shown to nobody; make another: switchyard keys create --admin',
  ])
})

test("another gateway's first key is left alone", async () => {
  const store = await emptyStore()
  const token = (await (await gatewayOn(store)).first())?.show()
  const late = await gatewayOn(store, { refresh: () => Promise.reject(away()) })
  await expect(late.first()).rejects.toMatchObject({ reason: 'store_unavailable' })
  const third = await gatewayOn(store)
  expect(third.keys.authenticate(token).keyId).toBe('000000000001')
})
