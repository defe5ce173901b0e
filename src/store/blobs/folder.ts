import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fail, GatewayError } from '../../error/index.ts'
import { type BlobStore, isBlobKey } from './contract.ts'
import { Measure } from './measure.ts'

/** A file that was begun, and not written to for this long, is nobody's any more: milliseconds. */
const abandonedMs = 3_600_000

/**
 * Blobs as files of a folder, two folders deep, readable by this user alone. The folder is made, and what a process that was killed left
 * half written is removed from it. Rejects with `store_unavailable` when it cannot be written.
 */
export async function openFolderBlobs(folder: string): Promise<BlobStore> {
  const begun = join(folder, 'begun')
  try {
    await mkdir(begun, { recursive: true, mode: 0o700 })
    await sweep(begun)
  } catch (cause) {
    throw unusable(cause)
  }
  return {
    async put(key, bytes, { maxBytes }) {
      requireKey(key)
      const path = join(begun, key)
      const measure = new Measure(maxBytes)
      try {
        await write(path, measure.pass(bytes))
        await place(path, folder, key)
      } catch (error) {
        await rm(path, { force: true }).catch(() => undefined)
        throw error
      }
      return measure.result()
    },

    async *read(key, range) {
      if (range !== undefined && range.end <= range.start) return
      const span = range === undefined ? {} : { start: range.start, end: range.end - 1 }
      try {
        yield* createReadStream(placeOf(folder, key).file, { ...span, highWaterMark: 256 * 1024 })
      } catch (cause) {
        throw isAbsent(cause) ? missing(cause) : unusable(cause)
      }
    },

    async delete(key) {
      try {
        await rm(placeOf(folder, key).file, { force: true })
        await rm(join(begun, key), { force: true })
      } catch (cause) {
        throw unusable(cause)
      }
    },
  }
}

/** Writes a new file and brings it to the disk. What the bytes throw is thrown on as it is. */
async function write(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => Promise.reject(unusable(cause)))
  try {
    for await (const piece of bytes)
      await file.writeFile(piece).catch((cause: unknown) => Promise.reject(unusable(cause)))
    await file.sync().catch((cause: unknown) => Promise.reject(unusable(cause)))
  } finally {
    await file.close()
  }
}

/** Moves a whole file to where its key leads, so that nobody ever finds half of it. */
async function place(from: string, root: string, key: string): Promise<void> {
  const { outer, inner, file } = placeOf(root, key)
  try {
    const made = await mkdir(inner, { recursive: true, mode: 0o700 })
    await rename(from, file)
    const changed = made === undefined ? [inner] : [inner, outer, root]
    for (const folder of changed) await toDisk(folder)
  } catch (cause) {
    await rm(file, { force: true }).catch(() => undefined)
    throw unusable(cause)
  }
}

interface Place {
  readonly outer: string
  readonly inner: string
  readonly file: string
}

function placeOf(root: string, key: string): Place {
  requireKey(key)
  const outer = join(root, key.slice(0, 2))
  const inner = join(outer, key.slice(2, 4))
  return { outer, inner, file: join(inner, key) }
}

function requireKey(key: string): void {
  if (!isBlobKey(key)) throw missing()
}

/** A name in a folder survives the machine's own end once the folder is on the disk. */
async function toDisk(folder: string): Promise<void> {
  const file = await open(folder, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function sweep(begun: string): Promise<void> {
  const old = Date.now() - abandonedMs
  for (const name of await readdir(begun)) {
    const path = join(begun, name)
    // Another process may be faster.
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && found.mtimeMs < old) await rm(path, { force: true })
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function missing(cause?: unknown): GatewayError {
  return cause instanceof GatewayError ? cause : fail('not_found', 'there is no such file', { cause })
}

function unusable(cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause
  return fail('store_unavailable', 'the folder of files cannot be read or written', { cause })
}
