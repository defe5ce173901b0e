import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { reasonOf } from '../../test/suites/store/bed.ts'
import { type S3Server, s3Account, startS3 } from '../../test/services/s3.ts'
import { createEgress, type Egress } from '../provider/egress.ts'
import { newBlobKey } from '../store/blobs/contract.ts'
import { openBlobs } from './blobs.ts'
import { type Config, ConfigError, loadConfig } from './load.ts'

const folder = mkdtempSync(join(tmpdir(), 'switchyard-media-'))
afterAll(() => rmSync(folder, { recursive: true }))

function configOf(media: object, more: object = {}): Config {
  const path = join(folder, 'config.yaml')
  writeFileSync(path, JSON.stringify({ media, ...more }))
  return loadConfig({ path, env: {}, flags: {} })
}

async function* one(text: string): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from(text)
}

const limits = { maxBytes: 100 }

describe('with a bucket', () => {
  let s3: S3Server
  let egress: Egress
  beforeEach(async () => {
    s3 = await startS3()
    egress = createEgress({ connectTimeoutMs: 2000 })
  })
  afterEach(async () => {
    await egress.close()
    await s3[Symbol.asyncDispose]()
  })

  const place = () => ({ endpoint: `${s3.endpoint}/`, region: s3Account.region, bucket: s3Account.bucket })

  test('takes its key from the variables that others read too', async () => {
    const { accessKeyId, secretAccessKey } = s3Account
    const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
    const config = configOf({ store: 's3', s3: { ...place(), prefix: 'north/' } })
    const blobs = await openBlobs({ config, env, egress })
    const key = newBlobKey()
    await blobs.put(key, one('hello'), limits)
    expect([...s3.objects]).toEqual([[`/files/north/${key}`, Buffer.from('hello')]])
  })

  test('takes it from a file that may be read, as it is now, and from no other', async () => {
    const file = join(folder, 'secret')
    const s3Config = { ...place(), access_key_id: s3Account.accessKeyId, key_file: file }
    const allowed = configOf({ store: 's3', s3: s3Config }, { secrets: { allowed_files: [folder] } })
    writeFileSync(file, 'an old one')
    const blobs = await openBlobs({ config: allowed, env: {}, egress })
    expect(await reasonOf(blobs.put(newBlobKey(), one('hello'), limits))).toBe('store_unavailable')
    writeFileSync(file, `${s3Account.secretAccessKey}\n`)
    await blobs.put(newBlobKey(), one('hello'), limits)
    expect(s3.objects.size).toBe(1)
    const refused = configOf({ store: 's3', s3: s3Config })
    expect(await reasonOf(openBlobs({ config: refused, env: {}, egress }))).toBe('invalid_request')
  })

  test('says at the start which variable is missing', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'AKIA', MINE: '' }
    const config = configOf({ store: 's3', s3: { ...place(), env_var: 'MINE' } })
    await expect(openBlobs({ config, env, egress })).rejects.toThrow('MINE is not set')
  })
})

test('without anything said, files are in the data folder, and a folder is taken from that of the file', async () => {
  const egress = createEgress({ connectTimeoutMs: 1 })
  const key = newBlobKey()
  for (const [media, where] of [
    [{}, 'data/files'],
    [{ folder: './mine' }, 'mine'],
  ] as const) {
    const config = configOf(media, { data_dir: 'data' })
    const blobs = await openBlobs({ config, env: {}, egress })
    await blobs.put(key, one('hello'), limits)
    rmSync(join(folder, where, key.slice(0, 2), key.slice(2, 4), key))
  }
  await egress.close()
})

test.each([
  [{ store: 's3' }, /media\.s3: is needed/],
  [
    { store: 's3', folder: 'x', s3: { endpoint: 'https://s3.example.com', bucket: 'abc' } },
    /media\.folder: has no meaning/,
  ],
  [{ store: 's3', s3: { endpoint: 'https://user:word@s3.example.com', bucket: 'abc' } }, /media\.s3\.endpoint/],
  [{ store: 's3', s3: { endpoint: 'https://s3.example.com', bucket: '../abc' } }, /media\.s3\.bucket/],
  [{ store: 's3', s3: { endpoint: 'https://s3.example.com', bucket: 'abc', prefix: '../' } }, /media\.s3\.prefix/],
  [{ public_url: 'https://gateway.example.com/?q' }, /media\.public_url/],
])('refuses %j', (media, message) => {
  expect(() => configOf(media)).toThrow(ConfigError)
  expect(() => configOf(media)).toThrow(message)
})
