import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fail } from '../error/index.ts'

const keyBytes = 32

/**
 * The key that signs links where no master key is set: random, made once, and kept in the data folder, readable by this user alone.
 * Processes that share the folder find the same one. Rejects with `store_unavailable` when the folder cannot be written.
 */
export async function ownLinkKey(folder: string): Promise<Buffer> {
  const path = join(folder, 'media.key')
  try {
    const text = (await read(path)) ?? (await make(folder, path))
    const key = Buffer.from(text.trim(), 'hex')
    if (key.length !== keyBytes)
      throw fail('store_unavailable', `the file ${path} is damaged: remove it to end all links to files`)
    return key
  } catch (cause) {
    throw fail('store_unavailable', `the key for links to files cannot be kept in ${folder}`, { cause })
  }
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Written beside, and given its name when it is whole: of several who do so at once, the first one's stays. */
async function make(folder: string, path: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const beside = join(folder, `media.key.${randomBytes(8).toString('hex')}`)
  try {
    const file = await open(beside, 'wx', 0o600)
    try {
      await file.writeFile(randomBytes(keyBytes).toString('hex'))
      await file.sync()
    } finally {
      await file.close()
    }
    await link(beside, path).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    })
  } finally {
    await rm(beside, { force: true })
  }
  return await readFile(path, 'utf8')
}
