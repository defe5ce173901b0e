import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FileRow } from '../../src/store/contract.ts'
import { openFolderBlobs } from '../../src/store/blobs/folder.ts'
import { openStore } from '../../src/store/open.ts'
import { Vault } from '../../src/store/vault.ts'

const kills = 5
const dayMs = 86_400_000
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'switchyard-vault-crash-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Lets a process keep and remove files, and kills it at some moment. */
async function crash(): Promise<void> {
  const script = new URL('./vault-child.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), ended])
  await setTimeout(50 + Math.random() * 200)
  child.kill('SIGKILL')
  expect(await ended).toEqual([null, 'SIGKILL'])
}

/** What the processes knew: what was kept, by the hash of its bytes, and what they began to remove. */
function notes(): { readonly kept: ReadonlyMap<string, string>; readonly removing: ReadonlySet<string> } {
  const words = readFileSync(join(folder, 'notes'), 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
  return {
    kept: new Map(words.filter(([first]) => first === 'kept').map(([, id = '', sha256 = '']) => [id, sha256])),
    removing: new Set(words.filter(([first]) => first === 'removing').map(([, id = '']) => id)),
  }
}

function onDisk(): number {
  const entries = readdirSync(join(folder, 'files'), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).length
}

async function hashOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of bytes) hash.update(piece)
  return hash.digest('hex')
}

test(`of files that processes kept until they were killed, ${kills} times, each that is seen is whole, none is lost, and no bytes are left over`, async () => {
  for (let kill = 0; kill < kills; kill += 1) await crash()
  const store = await openStore(join(folder, 'switchyard.db'))
  const blobs = await openFolderBlobs(join(folder, 'files'))
  const vault = new Vault({ files: store.files, blobs, maxBytes: 1, keptMs: Infinity })
  const { rows } = await vault.list({}, 'all', { limit: 100_000 })
  const seen = new Map<string, FileRow>(rows.map((row) => [row.id, row]))
  const { kept, removing } = notes()
  expect(rows.length).toBeGreaterThanOrEqual(kills)
  expect([...kept.keys()].filter((id) => !seen.has(id) && !removing.has(id))).toEqual([])
  for (const { id, sha256 } of rows) {
    expect(await hashOf((await vault.open(id, 'all')).read())).toBe(sha256)
    expect(kept.get(id) ?? sha256).toBe(sha256)
  }
  await vault.sweep(Date.now() + 2 * dayMs)
  expect(onDisk()).toBe(rows.length)
  expect(await store.files.leftovers(Date.now() + 2 * dayMs, Infinity, 10)).toEqual([])
  await store.close()
})
