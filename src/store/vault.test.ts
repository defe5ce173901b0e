import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fail } from '../error/index.ts'
import { reasonOf } from '../../test/suites/store/bed.ts'
import type { BlobStore } from './blobs/contract.ts'
import { openFolderBlobs } from './blobs/folder.ts'
import type { FileStore, Store } from './contract.ts'
import { openStore } from './open.ts'
import { Vault } from './vault.ts'

/* On a real store and a real folder, with one step at a time made to fail. */

const dayMs = 86_400_000
const facts = { name: '../in.jsonl', purpose: 'batch', mediaType: 'application/jsonl' }

let folder: string
let store: Store
let blobs: BlobStore
let now: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-vault-'))
  store = await openStore(join(folder, 'switchyard.db'))
  blobs = await openFolderBlobs(join(folder, 'files'))
  now = 1_700_000_000_000
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

const broken = (): Promise<never> => Promise.reject(fail('store_unavailable', 'it does not answer'))

function vaultOf({ files = {}, places = {}, keptMs = Infinity }: Choices = {}): Vault {
  return new Vault({
    files: { ...store.files, ...files },
    blobs: { ...blobs, ...places },
    maxBytes: 100,
    keptMs,
    now: () => now,
  })
}

interface Choices {
  readonly files?: Partial<FileStore>
  readonly places?: Partial<BlobStore>
  readonly keptMs?: number
}

async function* bytes(text: string): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from(text)
}

async function textOf(from: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of from) text += Buffer.from(chunk).toString()
  return text
}

/** How many files are on the disk, whole or begun. */
function onDisk(): number {
  const entries = readdirSync(join(folder, 'files'), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).length
}

/** The names of files that are seen. */
async function seen(): Promise<string[]> {
  const { rows } = await vaultOf().list({}, 'all', { limit: 100 })
  return rows.map(({ name }) => name)
}

test('keeps a file, gives its bytes whole and in part, and lets go of both', async () => {
  const vault = vaultOf()
  const file = await vault.keep('acme', facts, bytes('{"a":1}'))
  expect(file).toMatchObject({ ...facts, accountId: 'acme', bytes: 7, created: now, expires: undefined })
  expect(file.id).toMatch(/^file-[0-9a-f]{32}$/)
  const opened = await vault.open(file.id, ['acme'])
  expect(opened.file).toEqual(file)
  expect(await textOf(opened.read())).toBe('{"a":1}')
  expect(await textOf(opened.read({ start: 1, end: 4 }))).toBe('"a"')
  expect(await reasonOf(vault.open(file.id, ['other']))).toBe('not_found')
  expect(await reasonOf(vault.remove(file.id, ['other']))).toBe('not_found')
  expect(await seen()).toEqual(['../in.jsonl'])
  expect(await vault.remove(file.id, ['acme'])).toEqual(file)
  expect([await seen(), onDisk(), await store.files.leftovers(now, now, 10)]).toEqual([[], 0, []])
  expect(await reasonOf(vault.open(file.id, 'all'))).toBe('not_found')
})

test('keeps a file as long as it says, and otherwise as long as files are kept', async () => {
  const vault = vaultOf({ keptMs: 1000 })
  expect((await vault.keep('acme', facts, bytes('a'))).expires).toBe(now + 1000)
  expect((await vault.keep('acme', { ...facts, expires: now + 5 }, bytes('a'))).expires).toBe(now + 5)
})

test.each([
  ['image/PNG', 'image/png'],
  ['text/plain;charset=UTF-8', 'text/plain; charset=utf-8'],
  ['multipart/x; boundary=a', 'multipart/x'],
  ['text/html\r\nset-cookie: a=b', 'application/octet-stream'],
  ['', 'application/octet-stream'],
  ['html', 'application/octet-stream'],
])('takes the media type %j for %j', async (mediaType, kept) => {
  expect((await vaultOf().keep('acme', { ...facts, mediaType }, bytes('a'))).mediaType).toBe(kept)
})

test.each([
  ['more bytes than are taken', facts, bytes('x'.repeat(101)), 'payload_too_large'],
  [
    'bytes that break off',
    facts,
    (async function* () {
      yield Buffer.from('abc')
      throw fail('client_closed', 'gone')
    })(),
    'client_closed',
  ],
  ['a name that is too long', { ...facts, name: 'x'.repeat(513) }, bytes('a'), 'invalid_request'],
  ['a purpose that is too long', { ...facts, purpose: 'x'.repeat(513) }, bytes('a'), 'invalid_request'],
])('keeps nothing of %s', async (_what, given, from, reason) => {
  expect(await reasonOf(vaultOf().keep('acme', given, from))).toBe(reason)
  expect([await seen(), onDisk(), await store.files.leftovers(now, now + 1, 10)]).toEqual([[], 0, []])
})

test('keeps nothing when the store fails before or after the bytes', async () => {
  for (const files of [{ begin: broken }, { complete: broken }]) {
    expect(await reasonOf(vaultOf({ files }).keep('acme', facts, bytes('a')))).toBe('store_unavailable')
    expect([await seen(), onDisk(), await store.files.leftovers(now, now + 1, 10)]).toEqual([[], 0, []])
  }
})

test('what a killed process left is never seen, and gone after a day', async () => {
  // As if it ended here: neither the store nor the disk is asked for anything any more.
  const vault = vaultOf({ files: { complete: broken, forget: broken } })
  await reasonOf(vault.keep('acme', facts, bytes('a')))
  expect([await seen(), onDisk()]).toEqual([[], 1])
  expect(await vaultOf().sweep(now + dayMs)).toBe(0)
  expect(onDisk()).toBe(1)
  expect(await vaultOf().sweep(now + dayMs + 1)).toBe(1)
  expect(onDisk()).toBe(0)
})

test('a file that was complete although the store did not say so keeps its bytes', async () => {
  const complete: FileStore['complete'] = async (id, found) => {
    await store.files.complete(id, found)
    return await broken()
  }
  await reasonOf(vaultOf({ files: { complete, forget: broken } }).keep('acme', facts, bytes('abc')))
  const { rows } = await vaultOf().list({}, 'all', { limit: 10 })
  expect(rows).toHaveLength(1)
  expect(await textOf((await vaultOf().open(rows[0]?.id ?? '', 'all')).read())).toBe('abc')
})

test('a removed file is not seen, although its bytes cannot be let go of yet', async () => {
  const file = await vaultOf().keep('acme', facts, bytes('a'))
  await vaultOf({ places: { delete: broken } }).remove(file.id, 'all')
  expect([await seen(), onDisk()]).toEqual([[], 1])
  expect(await vaultOf().sweep(now)).toBe(1)
  expect(onDisk()).toBe(0)
})

test('a sweep takes what is past its time, all of it, and goes on beside what cannot be let go of', async () => {
  const vault = vaultOf()
  for (let index = 0; index < 105; index += 1)
    await vault.keep('acme', { ...facts, name: `f${index}`, expires: now + (index < 103 ? 10 : 11) }, bytes('a'))
  expect(await vault.sweep(now + 9)).toBe(0)
  expect(onDisk()).toBe(105)
  let failures = 0
  const stubborn = vaultOf({
    places: { delete: (key) => ((failures += 1) === 1 ? broken() : blobs.delete(key)) },
  })
  expect(await reasonOf(stubborn.sweep(now + 10))).toBe('store_unavailable')
  expect(onDisk()).toBe(6)
  expect(await vault.sweep(now + 10)).toBe(4)
  expect([onDisk(), (await seen()).toSorted()]).toEqual([2, ['f103', 'f104']])
})
