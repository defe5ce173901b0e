import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UsageDimension } from '../../../src/gen/switchyard/v1/usage_pb.ts'
import type { Store } from '../../../src/store/contract.ts'
import { migrateStore, restoreStore } from '../../../src/store/upkeep.ts'
import { type Bed, reasonOf } from './bed.ts'
import { newBatch } from './batches.ts'
import { keepFile } from './files.ts'
import { keyRow, providerRow, requestRow } from './rows.ts'
import { newVideo } from './videos.ts'

const day = 86_400_000

const copied = newBatch()

/** Everything that a store tells. */
async function allOf({ registry, accounts, ledger, batches, files, videos }: Store) {
  const { DAY, ACCOUNT, STATUS } = UsageDimension
  return {
    providers: await registry.providers(),
    models: await registry.models(),
    aliases: await registry.aliases(),
    accounts: await accounts.allAccounts(),
    keys: await accounts.keys('all', { limit: 100 }),
    charges: await accounts.charges('all'),
    requests: await ledger.requests({}, 'all', { limit: 5000 }),
    followed: (await ledger.follow('0', {}, 'all', 5000)).rows,
    files: await files.files({}, 'all', { limit: 100 }, 0),
    leftovers: await files.leftovers(0, 1, 100),
    usage: await ledger.usage({}, [DAY, ACCOUNT, STATUS], 'all'),
    batches: await batches.batches(undefined, 'all', { limit: 100 }),
    lines: await batches.lines(copied.id, 0, 100),
    videos: await videos.videos('all', { limit: 100 }),
  }
}

async function fill(store: Store): Promise<void> {
  const { registry, accounts, ledger, batches, files, idempotency, videos } = store
  await registry.createProvider(providerRow())
  await registry.sawModels('north', [{ model: 'm1', facts: '{"ü":"\\"\\\\"}' }], 10)
  await registry.setAlias({ name: 'fast', targets: [{ provider: 'p', model: '', order: 0, weight: 1 }], updated: 5 })
  await accounts.createAccount({ id: 'acme', name: 'Acme', created: 10, logContent: true })
  await accounts.createKey(keyRow({ accountId: 'acme', expires: 99 }))
  await keepFile(files, { expires: 7 })
  await keepFile(files, { id: 'removed' })
  await files.remove('removed', 'all', 0)
  const now = Date.now()
  await idempotency.begin({ accountId: 'acme', keyId: 'k', key: 'answered-once' }, 'f', now + day, now)
  // More than are read or written at a time, the oldest taken in last, and one past what a number holds.
  const rows = Array.from({ length: 2300 }, (_, index) =>
    requestRow({
      started: now - index * 1000 - (index % 40) * day,
      accountId: index % 3 === 0 ? 'acme' : 'default',
      costNanoUsd: index % 7 === 0 ? undefined : BigInt(index),
      alias: `"quoted" \\ {${index % 5}},\nnull`,
    }),
  )
  const dear = requestRow({ accountId: 'acme', costNanoUsd: 9_007_199_254_740_993n })
  await ledger.append([dear], [{ id: dear.id, accountId: 'acme', request: '{}', response: '"ö"', expires: now + day }])
  for (let from = 0; from < rows.length; from += 500) await ledger.append(rows.slice(from, from + 500), [])
  await ledger.retain(now - 35 * day, now)
  await videos.create({ ...newVideo, seconds: 3.5 })
  await batches.create(copied)
  const job = await batches.claimJob('one', now, day)
  const line = { line: 1, customId: '"ü"', method: 'POST', url: '/v1', body: '{"\\n":"\\u0000"}' }
  const bad = { ...line, line: 2, problem: { code: 'bad', message: "it's bad" } }
  await batches.addLines(copied.id, job?.fence ?? -1, [line, bad])
}

/** Copies of a store, and stores of copies. */
export function backupSuite({ fresh, open, newLocation, otherLocation }: Bed): void {
  describe('backup', () => {
    let folder: string
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'switchyard-backup-'))
    })
    afterAll(() => rmSync(folder, { recursive: true }))

    test('is all of the store, and makes one of either engine that goes on like it', async () => {
      const store = await fresh()
      await fill(store)
      const file = join(folder, 'whole')
      await store.backup(file)
      const before = await allOf(store)
      expect(before.requests.rows.length).toBeGreaterThan(1900)
      // What is kept for a day is in no copy.
      expect(gunzipSync(readFileSync(file)).toString()).not.toContain('answered-once')
      expect([before.files.rows.length, before.leftovers.length]).toEqual([1, 1])
      // What comes afterwards is not in it.
      await store.ledger.append([requestRow()], [])
      if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600)
      expect(await reasonOf(store.backup(file))).toBe('conflict')
      for (const location of [await newLocation(), await otherLocation()]) {
        await restoreStore(location, file)
        const copy = await open(location)
        expect(await allOf(copy)).toEqual(before)
        const revision = await copy.revision()
        const row = requestRow({ started: Date.now() + day })
        await copy.ledger.append([row, ...before.requests.rows.slice(0, 3)], [])
        expect(await copy.ledger.follow('0', {}, 'all', 5000).then(({ rows }) => rows.at(-1))).toEqual(row)
        expect((await copy.ledger.requests({}, 'all', { limit: 5000 })).rows).toEqual([row, ...before.requests.rows])
        await copy.registry.deleteAlias('fast')
        expect(await copy.revision()).toBe(revision + 1n)
        expect(await reasonOf(restoreStore(location, file))).toBe('conflict')
      }
    })

    test('is one moment of a store that others write to', async () => {
      const location = await newLocation()
      const [store, other] = await Promise.all([open(location), open(location)])
      for (let index = 0; index < 4; index += 1)
        await store.ledger.append(
          Array.from({ length: 400 }, () => requestRow({ costNanoUsd: 1n })),
          [],
        )
      const file = join(folder, 'busy')
      const backup = store.backup(file)
      const running = { over: false }
      void backup.then(() => (running.over = true))
      do await other.ledger.append([requestRow({ costNanoUsd: 1n })], [])
      while (!running.over)
      await backup
      const copyLocation = await newLocation()
      await restoreStore(copyLocation, file)
      const copy = await open(copyLocation)
      const { rows } = await copy.ledger.requests({}, 'all', { limit: 10_000 })
      expect(rows.length).toBeGreaterThanOrEqual(1600)
      const [charge] = await copy.accounts.charges('all')
      expect(charge?.nanoUsd).toBe(BigInt(rows.length))
      expect((await copy.ledger.usage({}, [], 'all')).total.requests).toBe(BigInt(rows.length))
    })

    test('that is cut short, altered or of a newer version is refused, and nothing of it is kept', async () => {
      const store = await fresh()
      await fill(store)
      const file = join(folder, 'to-spoil')
      await store.backup(file)
      const text = gunzipSync(readFileSync(file)).toString()
      const lines = text.trimEnd().split('\n')
      const spoilt: readonly (readonly [string, Buffer, string])[] = [
        ['half a file', readFileSync(file).subarray(0, 20_000), 'invalid_request'],
        ['without an end', gzipSync(lines.slice(0, -1).join('\n')), 'invalid_request'],
        ['with a row less', gzipSync(`${[...lines.slice(0, -2), lines.at(-1)].join('\n')}\n`), 'invalid_request'],
        ['not JSON', gzipSync(`${lines[0]}\nnothing\n`), 'invalid_request'],
        ['not compressed', Buffer.from(text), 'invalid_request'],
        [
          'another table',
          gzipSync(`${lines[0]}\n{"table":"pg_class","columns":["oid"]}\n{"rows":0}\n`),
          'invalid_request',
        ],
        ['of a newer version', gzipSync(text.replace('"003-sums"', '"003-sums","999-later"')), 'conflict'],
      ]
      const location = await newLocation()
      for (const [name, content, reason] of spoilt) {
        const path = join(folder, name)
        writeFileSync(path, content)
        expect([name, await reasonOf(restoreStore(location, path))]).toEqual([name, reason])
      }
      expect(await reasonOf(restoreStore(location, join(folder, 'none')))).toBe('not_found')
      const copy = await open(location)
      expect(await copy.registry.providers()).toEqual([])
      expect((await copy.ledger.usage({}, [], 'all')).total.requests).toBe(0n)
      await restoreStore(location, file)
      expect(await allOf(copy)).toEqual(await allOf(store))
    })

    test('migrating tells what it did, and does it once', async () => {
      const location = await newLocation()
      const done = await Promise.all([migrateStore(location), migrateStore(location), migrateStore(location)])
      expect(done.filter((names) => names.length > 0)).toHaveLength(1)
      expect(done.flat()).toContain('003-sums')
      expect(await migrateStore(location)).toEqual([])
    })
  })
}
