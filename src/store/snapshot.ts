import { mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { AccountRow, AliasRow, KeyRow, ModelRow, ProviderRow } from './contract.ts'

/** What the store said at one moment of everything that is needed to take calls. Holds no secret that is not sealed or hashed. */
export interface Snapshot {
  readonly providers: readonly ProviderRow[]
  readonly models: readonly ModelRow[]
  readonly aliases: readonly AliasRow[]
  readonly accounts: readonly AccountRow[]
  /** Keys that may be used, or could when it was read. */
  readonly keys: readonly KeyRow[]
  readonly everHadKeys: boolean
  /** When the store last said so: milliseconds since the epoch. */
  readonly at: number
}

const format = 1
const later = z
  .number()
  .nullable()
  .transform((time) => time ?? undefined)

const sealed = z.object({ keyId: z.string(), nonce: z.string(), sealed: z.string() })
const secret = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('none') }),
  z.object({ kind: z.literal('env'), variable: z.string() }),
  z.object({ kind: z.literal('file'), path: z.string() }),
  z.object({ kind: z.literal('stored'), secret: sealed }),
])
const target = z.object({ provider: z.string(), model: z.string(), order: z.number(), weight: z.number() })

const contents = z.object({
  format: z.literal(format),
  providers: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      type: z.string(),
      defaultModel: z.string(),
      baseUrl: z.string(),
      settings: z.string(),
      secret,
      created: z.number(),
      updated: z.number(),
    }),
  ),
  models: z.array(
    z.object({
      provider: z.string(),
      model: z.string(),
      firstSeen: z.number(),
      lastSeen: z.number(),
      facts: z.string(),
    }),
  ),
  aliases: z.array(z.object({ name: z.string(), targets: z.array(target), updated: z.number() })),
  accounts: z.array(z.object({ id: z.string(), name: z.string(), created: z.number(), logContent: z.boolean() })),
  keys: z.array(
    z.object({
      id: z.string(),
      accountId: z.string(),
      name: z.string(),
      sha256: z.string(),
      permissions: z.array(z.string()),
      models: z.array(z.string()),
      created: z.number(),
      expires: later,
      revoked: later,
      limits: z.object({
        requestsPerMinute: z.number(),
        tokensPerMinute: z.number(),
        concurrentRequests: z.number(),
      }),
    }),
  ),
  everHadKeys: z.boolean(),
})

/** The last good snapshot on the disk of this machine, for a start while the store cannot be reached. */
export class SnapshotFile {
  readonly path: string
  #written: string | undefined

  constructor(folder: string) {
    this.path = join(folder, 'snapshot.json')
  }

  /** What was last written, by this process or one before it; undefined when there is none. Rejects for one that cannot be read. */
  async read(): Promise<Snapshot | undefined> {
    const found = await stat(this.path).catch(absent)
    if (found === undefined) return undefined
    const { format: _, ...snapshot } = contents.parse(JSON.parse(await readFile(this.path, 'utf8')))
    return { ...snapshot, at: found.mtimeMs }
  }

  /**
   * Puts a snapshot in the place of the last one, all of it or nothing, readable by this user alone. One that says the same as the
   * last only marks the file: its time is that of the snapshot.
   */
  async write({ at, ...snapshot }: Snapshot): Promise<void> {
    const text = JSON.stringify({ format, ...snapshot }, (_key, value: unknown) => (value === undefined ? null : value))
    if (text !== this.#written) await replace(this.path, text)
    this.#written = text
    await this.confirm(at)
  }

  /** Marks the last written snapshot as still true at that time. */
  async confirm(at: number): Promise<void> {
    if (this.#written === undefined) return
    await utimes(this.path, at / 1000, at / 1000)
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}

/** Writes beside the file and then takes its place, so that nobody ever finds half of it. */
async function replace(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const beside = `${path}.${process.pid}.new`
  try {
    const file = await open(beside, 'w', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}
