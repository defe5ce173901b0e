import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Store } from '../store/contract.ts'
import { Mirror } from '../store/mirror.ts'
import { openStore } from '../store/open.ts'
import { createFirstKey } from './first.ts'
import { KeyTable } from './table.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

/** A gateway that has read a store without keys, and looks again only when it is told to. */
async function gatewayOn(store: Store) {
  const { registry, accounts } = store
  const mirrored = { registry, accounts, revision: () => store.revision(), watch: () => () => {} }
  const mirror = await Mirror.open({ store: mirrored, folder: undefined, log: quiet })
  onTestFinished(() => mirror.close())
  const keys = new KeyTable([], { maxAgeMs: 60_000 })
  await mirror.follow(keys)
  return { keys, first: () => createFirstKey(accounts, () => mirror.refresh()) }
}

test('of gateways that start at once one makes the first key, and every one of them asks for it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-first-'))
  const store = await openStore(join(folder, 'switchyard.db'))
  onTestFinished(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })
  const gateways = [await gatewayOn(store), await gatewayOn(store), await gatewayOn(store)]
  expect(gateways.map(({ keys }) => keys.required)).toEqual([false, false, false])
  const tokens = (await Promise.all(gateways.map(({ first }) => first()))).filter((token) => token !== undefined)
  expect(tokens).toHaveLength(1)
  expect(gateways.map(({ keys }) => keys.authenticate(tokens[0]).keyId)).toEqual(Array(3).fill('000000000001'))
  expect(gateways.map(({ keys }) => keys.required)).toEqual([true, true, true])
})
