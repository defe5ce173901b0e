import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { fail } from '../error/index.ts'
import type { AliasRow } from './contract.ts'
import { type Follower, Mirror, type Mirrored } from './mirror.ts'
import { type Snapshot, SnapshotFile } from './snapshot.ts'

const root = mkdtempSync(join(tmpdir(), 'switchyard-mirror-'))
afterAll(() => rmSync(root, { recursive: true }))

let folders = 0
const newFolder = (): string => join(root, `new-${(folders += 1)}`)

/** Where a store would be: it answers or it does not, tells its watchers of changes, and can be made to wait. */
class Database implements Mirrored {
  reachable = true
  reads = 0
  gate: Promise<void> = Promise.resolve()
  rows: AliasRow[] = []
  #revision = 0n
  #changed: (() => void)[] = []
  #failed: ((error: unknown) => void)[] = []

  async #answer<Value>(value: Value): Promise<Value> {
    await this.gate
    if (!this.reachable) throw fail('store_unavailable', 'the database cannot be reached')
    return value
  }

  readonly registry = {
    providers: () => this.#answer([]),
    models: () => this.#answer([]),
    aliases: () => {
      this.reads++
      return this.#answer([...this.rows])
    },
  }
  readonly accounts = {
    allAccounts: () => this.#answer([]),
    usableKeys: () => this.#answer([]),
    everHadKeys: () => this.#answer(true),
  }
  readonly revision = (): Promise<bigint> => this.#answer(this.#revision)
  readonly watch = (changed: () => void, failed: (error: unknown) => void): (() => void) => {
    this.#changed.push(changed)
    this.#failed.push(failed)
    return () => {
      this.#changed = []
      this.#failed = []
    }
  }

  /** Somebody writes; `quietly` means that nobody is told. */
  write(name: string, quietly = false): void {
    this.rows = [...this.rows, { name, targets: [], updated: 1 }]
    this.#revision++
    if (!quietly) for (const changed of this.#changed) changed()
  }

  vanish(): void {
    this.reachable = false
    for (const failed of this.#failed) failed(fail('store_unavailable', 'the database cannot be reached'))
  }
}

interface Told {
  readonly words: string[]
  readonly follower: Follower
}

/** Writes down what it is told. */
function listener(): Told {
  const words: string[] = []
  const names = ({ aliases }: Snapshot): string => aliases.map(({ name }) => name).join(' ')
  return {
    words,
    follower: {
      load: (snapshot, fresh) => void words.push(`${fresh ? 'fresh' : 'old'}: ${names(snapshot)}`),
      unreachable: () => void words.push('unreachable'),
    },
  }
}

const nothing = (): undefined => undefined
const log = { info: nothing, warn: nothing, error: nothing }

async function open(store: Database, folder?: string, wrong: object[] = []): Promise<Mirror> {
  const told = {
    ...log,
    warn: (fields: object) => void wrong.push(fields),
    error: (fields: object) => void wrong.push(fields),
  }
  const mirror = await Mirror.open({ store, folder, log: told, confirmMs: 20, retryMs: 10 })
  onTestFinished(() => mirror.close())
  return mirror
}

test('tells what is there, and every change as it is seen', async () => {
  const store = new Database()
  store.write('one')
  const mirror = await open(store)
  const { words, follower } = listener()
  await mirror.follow(follower)
  expect(words).toEqual(['fresh: one'])
  store.write('two')
  await expect.poll(() => words).toEqual(['fresh: one', 'fresh: one two'])
})

test('a refresh brings what was written before it, also while another is reading', async () => {
  const store = new Database()
  const mirror = await open(store)
  const { words, follower } = listener()
  await mirror.follow(follower)
  const { promise, resolve } = Promise.withResolvers<void>()
  store.write('one', true)
  store.gate = promise
  const first = mirror.refresh()
  await new Promise((done) => setImmediate(done))
  store.write('two', true)
  const second = mirror.refresh()
  const third = mirror.refresh()
  resolve()
  await Promise.all([first, second, third])
  expect(words.at(-1)).toBe('fresh: one two')
  expect(mirror.current?.aliases.map(({ name }) => name)).toEqual(['one', 'two'])
})

test('sees by itself what nobody told, and reads nothing where nothing changed', async () => {
  const store = new Database()
  const mirror = await open(store)
  const before = mirror.current?.at ?? 0
  const reads = store.reads
  await expect.poll(() => mirror.current?.at).toBeGreaterThan(before)
  expect(store.reads).toBe(reads)
  store.write('quiet', true)
  await expect.poll(() => mirror.current?.aliases).toHaveLength(1)
})

test('keeps what it knows while the store is away, and takes over when it is back', async () => {
  const store = new Database()
  store.write('one')
  const wrong: object[] = []
  const mirror = await open(store, undefined, wrong)
  const { words, follower } = listener()
  await mirror.follow(follower)
  store.vanish()
  await expect(mirror.refresh()).rejects.toThrow(expect.objectContaining({ reason: 'store_unavailable' }))
  expect(mirror.fresh).toBe(false)
  expect(mirror.current?.aliases).toHaveLength(1)
  expect(wrong).toHaveLength(1)
  store.write('two', true)
  store.reachable = true
  await expect.poll(() => words).toEqual(['fresh: one', 'unreachable', 'fresh: one two'])
  expect(mirror.fresh).toBe(true)
})

test('starts from the disk when the store does not answer', async () => {
  const folder = newFolder()
  const store = new Database()
  store.write('one')
  await (await open(store, folder)).close()
  store.vanish()

  const mirror = await open(store, folder)
  const { words, follower } = listener()
  await mirror.follow(follower)
  expect(words).toEqual(['old: one'])
  store.reachable = true
  await expect.poll(() => words).toEqual(['old: one', 'fresh: one'])
})

test('starts with nothing when there is nothing, or nothing that can be read', async () => {
  const store = new Database()
  store.reachable = false
  const folder = newFolder()
  const file = new SnapshotFile(folder)
  expect((await open(store, folder)).current).toBeUndefined()
  await file.write({ providers: [], models: [], aliases: [], accounts: [], keys: [], everHadKeys: false, at: 1 })
  writeFileSync(file.path, 'not JSON')
  const wrong: object[] = []
  const mirror = await open(store, folder, wrong)
  expect(mirror.current).toBeUndefined()
  expect(wrong).toHaveLength(2)
  store.reachable = true
  await expect.poll(() => mirror.fresh).toBe(true)
})

test('a follower that fails is told to the operator, and harms neither the others nor the mirror', async () => {
  const store = new Database()
  const wrong: object[] = []
  const mirror = await open(store, undefined, wrong)
  const broken = new Error('no')
  await mirror.follow({
    load() {
      throw broken
    },
  })
  const { words, follower } = listener()
  await mirror.follow(follower)
  store.write('one')
  await expect.poll(() => words).toEqual(['fresh: ', 'fresh: one'])
  expect(mirror.fresh).toBe(true)
  expect(wrong).toEqual([{ err: broken }, { err: broken }])
})
