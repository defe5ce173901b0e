import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fail } from '../../src/error/index.ts'
import { createEgress, type Egress } from '../../src/provider/egress.ts'
import { type BlobStore, newBlobKey } from '../../src/store/blobs/contract.ts'
import { openFolderBlobs } from '../../src/store/blobs/folder.ts'
import { s3Blobs } from '../../src/store/blobs/s3.ts'
import { type S3Server, s3Account, startS3 } from '../services/s3.ts'
import { reasonOf } from './store/bed.ts'

/*
 * What a place for blobs promises, on both there are.
 */

const folder = mkdtempSync(join(tmpdir(), 'switchyard-blobs-'))
let s3: S3Server
let egress: Egress

beforeAll(async () => {
  s3 = await startS3()
  egress = createEgress({ connectTimeoutMs: 2000 })
})
afterAll(async () => {
  await egress.close()
  await s3[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

function s3Store(change: Partial<Parameters<typeof s3Blobs>[0]> = {}): BlobStore {
  const { region, bucket, accessKeyId, secretAccessKey } = s3Account
  const credentials = () => Promise.resolve({ accessKeyId, secretAccessKey })
  const { endpoint } = s3
  return s3Blobs({
    send: (request) => egress.send(request),
    endpoint,
    region,
    bucket,
    prefix: 'a b/',
    credentials,
    pauseMs: 1,
    ...change,
  })
}

/** Every file below a folder. */
function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

const places = {
  folder: {
    open: () => openFolderBlobs(join(folder, 'blobs')),
    left: () => filesIn(join(folder, 'blobs')).length,
  },
  s3: {
    open: async () => s3Store(),
    left: () => s3.objects.size + s3.uploads.size,
  },
} as const

async function* pieces(...given: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* given
}

async function* failing(...given: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* given
  throw fail('client_closed', 'the client left')
}

async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of bytes) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Bytes of which no two stretches are alike. */
function bytesOf(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4096) bytes.writeUInt32LE(at, at)
  return bytes
}

const limits = { maxBytes: 64 * 1024 * 1024 }
const mebibyte = 1024 * 1024

describe.each(Object.keys(places) as (keyof typeof places)[])('in %s', (name) => {
  const { open, left } = places[name]

  test.each([
    ['nothing', []],
    ['a few bytes in pieces', [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('cdefg')]],
    ['as much as one part of an upload', [bytesOf(8 * mebibyte)]],
    ['more than two parts, in pieces that fit no part', [bytesOf(7 * mebibyte), bytesOf(10 * mebibyte + 3)]],
  ])('gives back %s, whole and in ranges, and tells size and hash', async (_what, given) => {
    const blobs = await open()
    const key = newBlobKey()
    const whole = Buffer.concat(given)
    const before = left()
    const put = await blobs.put(key, pieces(...given), limits)
    expect(put).toEqual({ size: whole.length, sha256: createHash('sha256').update(whole).digest('hex') })
    expect(left()).toBe(before + 1)
    expect((await all(blobs.read(key))).equals(whole)).toBe(true)
    const end = whole.length
    for (const [from, to] of [
      [0, Math.min(3, end)],
      [Math.floor(end / 2), end],
      [0, 0],
    ] as const)
      expect((await all(blobs.read(key, { start: from, end: to }))).equals(whole.subarray(from, to))).toBe(true)
    await blobs.delete(key)
    expect(left()).toBe(before)
    expect(await reasonOf(all(blobs.read(key)))).toBe('not_found')
    await blobs.delete(key)
  })

  test.each([
    ['is over the limit at once', pieces(bytesOf(mebibyte)), mebibyte - 1, 'payload_too_large'],
    ['is over the limit late', pieces(bytesOf(9 * mebibyte), bytesOf(1)), 9 * mebibyte, 'payload_too_large'],
    ['breaks off at once', failing(), mebibyte, 'client_closed'],
    ['breaks off late', failing(bytesOf(9 * mebibyte)), 20 * mebibyte, 'client_closed'],
  ])('keeps nothing of what %s', async (_what, bytes, maxBytes, reason) => {
    const blobs = await open()
    const key = newBlobKey()
    const before = left()
    expect(await reasonOf(blobs.put(key, bytes, { maxBytes }))).toBe(reason)
    expect(left()).toBe(before)
    expect(await reasonOf(all(blobs.read(key)))).toBe('not_found')
  })

  test('takes exactly the limit, and stops reading beyond it', async () => {
    const blobs = await open()
    const exact = newBlobKey()
    expect((await blobs.put(exact, pieces(bytesOf(10)), { maxBytes: 10 })).size).toBe(10)
    await blobs.delete(exact)
    let taken = 0
    async function* endless(): AsyncGenerator<Uint8Array, void, void> {
      for (;;) {
        taken += 1
        yield Buffer.alloc(1000)
      }
    }
    expect(await reasonOf(blobs.put(newBlobKey(), endless(), { maxBytes: 2500 }))).toBe('payload_too_large')
    expect(taken).toBe(3)
  })

  test.each(['../../etc/passwd', '', 'a'.repeat(31), 'A'.repeat(32), `${'a'.repeat(32)}/..`])(
    'finds nothing under the key %j, and puts nothing there',
    async (key) => {
      const blobs = await open()
      const before = left()
      expect(await reasonOf(all(blobs.read(key)))).toBe('not_found')
      expect(await reasonOf(blobs.put(key, pieces(bytesOf(1)), limits))).toBe('not_found')
      expect(left()).toBe(before)
    },
  )
})

describe('a folder', () => {
  test('is readable for its owner alone, and its files lie two folders deep', async () => {
    const root = join(folder, 'modes')
    const blobs = await openFolderBlobs(root)
    const key = newBlobKey()
    await blobs.put(key, pieces(bytesOf(5)), limits)
    const path = join(root, key.slice(0, 2), key.slice(2, 4), key)
    expect(filesIn(root)).toEqual([path])
    expect([statSync(path).mode & 0o777, statSync(root).mode & 0o777]).toEqual([0o600, 0o700])
  })

  test('is rid of what a killed process had begun, and not of what another is writing', async () => {
    const root = join(folder, 'begun')
    mkdirSync(join(root, 'begun'), { recursive: true })
    for (const name of ['old', 'young']) writeFileSync(join(root, 'begun', name), 'x')
    const yesterday = Date.now() / 1000 - 86_400
    utimesSync(join(root, 'begun', 'old'), yesterday, yesterday)
    await openFolderBlobs(root)
    expect(filesIn(root)).toEqual([join(root, 'begun', 'young')])
  })

  test('that cannot be made is told', async () => {
    writeFileSync(join(folder, 'a-file'), '')
    expect(await reasonOf(openFolderBlobs(join(folder, 'a-file', 'blobs')))).toBe('store_unavailable')
  })

  test('that is gone is told', async () => {
    const root = join(folder, 'gone')
    const blobs = await openFolderBlobs(root)
    rmSync(root, { recursive: true })
    expect(await reasonOf(blobs.put(newBlobKey(), pieces(bytesOf(1)), limits))).toBe('store_unavailable')
  })
})

describe('an S3 service', () => {
  test('gets small files in one request, and large ones in parts', async () => {
    const blobs = s3Store()
    const key = newBlobKey()
    const from = s3.asked.length
    await blobs.put(key, pieces(bytesOf(100)), limits)
    await blobs.put(key, pieces(bytesOf(9 * mebibyte)), limits)
    expect(s3.asked.slice(from)).toEqual([
      'PUT',
      'POST uploads',
      'PUT partNumber uploadId',
      'PUT partNumber uploadId',
      'POST uploadId',
    ])
    expect([...s3.objects.keys()]).toContain(`/files/a%20b/${key}`)
    await blobs.delete(key)
  })

  test('that fails for a moment is asked again', async () => {
    const blobs = s3Store()
    const key = newBlobKey()
    s3.failNext('PUT', 2, 503)
    await blobs.put(key, pieces(bytesOf(9 * mebibyte)), limits)
    s3.failNext('GET', 2, 503)
    expect((await all(blobs.read(key))).length).toBe(9 * mebibyte)
    s3.failNext('GET', 3, 503)
    expect(await reasonOf(all(blobs.read(key)))).toBe('store_unavailable')
    await blobs.delete(key)
  })

  test.each(['PUT', 'POST'])('that goes on failing at %s is told, and nothing is left', async (method) => {
    const before = s3.objects.size
    s3.failNext(method, 3, 500)
    expect(await reasonOf(s3Store().put(newBlobKey(), pieces(bytesOf(9 * mebibyte)), limits))).toBe('store_unavailable')
    expect([s3.objects.size, s3.uploads.size]).toEqual([before, 0])
  })

  test('that refuses the signature is asked once, and no secret is in the error', async () => {
    const secretAccessKey = 'another-secret-altogether'
    const { accessKeyId } = s3Account
    const blobs = s3Store({ credentials: () => Promise.resolve({ accessKeyId, secretAccessKey }) })
    const error: unknown = await blobs.put(newBlobKey(), pieces(bytesOf(1)), limits).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ reason: 'store_unavailable', details: { retryable: false } })
    expect(String((error as Error).cause)).toContain('403 SignatureDoesNotMatch')
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain(secretAccessKey)
  })

  test('that is not there, or silent, is told', async () => {
    const gone = s3Store({ endpoint: 'http://127.0.0.1:1' })
    expect(await reasonOf(all(gone.read(newBlobKey())))).toBe('store_unavailable')
    const silent = s3Store({
      silentMs: 50,
      send: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('late')))),
    })
    expect(await reasonOf(all(silent.read(newBlobKey())))).toBe('store_unavailable')
  })
})
