import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Snapshot, SnapshotFile } from './snapshot.ts'

const root = mkdtempSync(join(tmpdir(), 'switchyard-snapshot-'))
afterAll(() => rmSync(root, { recursive: true }))

let folders = 0
const newFolder = (): string => join(root, `new-${(folders += 1)}`)

const snapshot: Snapshot = {
  at: 1_700_000_000_000,
  providers: [
    {
      id: 'a1b2c3d4',
      name: 'vendor',
      type: 'openai',
      defaultModel: 'm',
      baseUrl: '',
      settings: '{"headers":{"x":"y"}}',
      secret: { kind: 'stored', secret: { keyId: 'k1', nonce: 'bm9uY2U', sealed: 'c2VhbGVk' } },
      created: 1,
      updated: 2,
    },
    {
      id: '00000000',
      name: 'local',
      type: 'ollama',
      defaultModel: '',
      baseUrl: 'http://127.0.0.1:1',
      settings: '{}',
      secret: { kind: 'env', variable: 'LOCAL_API_KEY' },
      created: 3,
      updated: 3,
    },
  ],
  models: [{ provider: 'vendor', model: 'm', firstSeen: 4, lastSeen: 5, facts: '{}' }],
  aliases: [{ name: 'fast', targets: [{ provider: 'vendor', model: 'm', order: 0, weight: 0.5 }], updated: 6 }],
  accounts: [{ id: 'default', name: 'default', created: 0, logContent: false }],
  keys: [
    {
      id: 'k',
      accountId: 'default',
      name: 'one',
      sha256: 'ab'.repeat(32),
      permissions: ['models:use'],
      models: ['vendor/*'],
      created: 7,
      expires: undefined,
      revoked: 8,
      limits: { requestsPerMinute: 0, tokensPerMinute: 0, concurrentRequests: 0 },
    },
  ],
  everHadKeys: true,
}

test('reads what another process wrote, with the time the store last said so', async () => {
  const folder = newFolder()
  await new SnapshotFile(folder).write(snapshot)
  expect(await new SnapshotFile(folder).read()).toEqual(snapshot)
})

test('has nothing to read where nothing was written', async () => {
  expect(await new SnapshotFile(newFolder()).read()).toBeUndefined()
})

test('is readable by its owner alone, and leaves nothing beside itself', async () => {
  const file = new SnapshotFile(newFolder())
  await file.write(snapshot)
  expect(statSync(file.path).mode & 0o777).toBe(0o600)
  expect(existsSync(`${file.path}.${process.pid}.new`)).toBe(false)
})

test('is written only when something changed, and otherwise marked with the time', async () => {
  const folder = newFolder()
  const file = new SnapshotFile(folder)
  await file.write(snapshot)
  const { ino } = statSync(file.path)
  await file.write({ ...snapshot, at: snapshot.at + 60_000 })
  await file.confirm(snapshot.at + 90_000)
  expect(statSync(file.path).ino).toBe(ino)
  expect((await new SnapshotFile(folder).read())?.at).toBe(snapshot.at + 90_000)

  await file.write({ ...snapshot, keys: [] })
  expect(statSync(file.path).ino).not.toBe(ino)
  expect(await new SnapshotFile(folder).read()).toEqual({ ...snapshot, keys: [] })
})

test('does not mark as true what it has not written itself', async () => {
  const folder = newFolder()
  await new SnapshotFile(folder).write(snapshot)
  await new SnapshotFile(folder).confirm(snapshot.at + 90_000)
  expect((await new SnapshotFile(folder).read())?.at).toBe(snapshot.at)
})

test.each([
  ['half of a file', (text: string) => text.slice(0, -20)],
  ['another format', (text: string) => text.replace('"format":1', '"format":2')],
  ['a row without its fields', (text: string) => text.replace('"accountId":"default",', '')],
])('refuses %s', async (_, damage) => {
  const file = new SnapshotFile(newFolder())
  await file.write(snapshot)
  writeFileSync(file.path, damage(readFileSync(file.path, 'utf8')))
  await expect(file.read()).rejects.toThrow()
})

test('keeps the last one when the disk refuses the next', async () => {
  const folder = newFolder()
  const file = new SnapshotFile(folder)
  await file.write(snapshot)
  mkdirSync(`${file.path}.${process.pid}.new`)
  await expect(file.write({ ...snapshot, keys: [] })).rejects.toThrow()
  expect(await new SnapshotFile(folder).read()).toEqual(snapshot)
})
