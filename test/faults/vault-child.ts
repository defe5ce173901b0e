/**
 * A process that keeps and removes files and does nothing else, many at a time, each noted in a file before and after. Goes on until
 * somebody ends it. Argument: the folder, in which the store is too.
 */
import { createHash, randomBytes } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { openFolderBlobs } from '../../src/store/blobs/folder.ts'
import { openStore } from '../../src/store/open.ts'
import { Vault } from '../../src/store/vault.ts'

const [, , folder = ''] = process.argv
const store = await openStore(join(folder, 'switchyard.db'))
const blobs = await openFolderBlobs(join(folder, 'files'))
const vault = new Vault({ files: store.files, blobs, maxBytes: 1024 * 1024, keptMs: Infinity })

function note(...words: readonly string[]): void {
  appendFileSync(join(folder, 'notes'), `${words.join(' ')}\n`)
}

async function* slowly(bytes: Buffer): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += 16 * 1024) {
    await setImmediate()
    yield bytes.subarray(at, at + 16 * 1024)
  }
}

async function work(): Promise<never> {
  for (let turn = 0; ; turn += 1) {
    const bytes = randomBytes(1 + Math.floor(Math.random() * 200_000))
    const { id } = await vault.keep('acme', { name: 'a', purpose: 'batch', mediaType: 'text/plain' }, slowly(bytes))
    note('kept', id, createHash('sha256').update(bytes).digest('hex'))
    if (turn === 0) process.stdout.write('kept one\n')
    if (turn % 3 < 2) continue
    note('removing', id)
    await vault.remove(id, 'all')
  }
}

await Promise.all(Array.from({ length: 8 }, work))
