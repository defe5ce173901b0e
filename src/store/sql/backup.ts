import { createWriteStream } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type Kysely, sql } from 'kysely'
import { fail } from '../../error/index.ts'
import { type BackupTable, backupTables, type headShape } from './backup-format.ts'
import type { SqlEngine } from './engine.ts'
import { appliedMigrations } from './migrate.ts'
import type { Tables } from './tables.ts'
import type { z } from 'zod'

/** Rows that are read at a time. */
const pageSize = 1000

/**
 * Writes all of a store, as it is at one moment, to a file that must not exist and that only its owner may read. Resolves when it is on
 * the disk, with the number of rows; a file that could not be finished is removed.
 */
export async function writeBackup(engine: SqlEngine, path: string): Promise<number> {
  await create(path)
  const written = { rows: 0 }
  try {
    await engine.snapshot(async (db) => {
      const lines = Readable.from(linesOf(engine, db, written))
      await pipeline(lines, createGzip(), createWriteStream(path, { flush: true }))
    })
    return written.rows
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}

async function create(path: string): Promise<void> {
  try {
    await writeFile(path, '', { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
    throw exists
      ? fail('conflict', `the file ${path} exists already`, { retryable: false })
      : fail('store_unavailable', `the file ${path} cannot be written`, { cause })
  }
}

async function* linesOf(engine: SqlEngine, db: Kysely<Tables>, written: { rows: number }): AsyncGenerator<string> {
  const head: z.infer<typeof headShape> = {
    format: 'switchyard-backup',
    version: 1,
    created: new Date().toISOString(),
    migrations: [...(await appliedMigrations(engine, db))],
  }
  yield line(head)
  for (const table of Object.keys(backupTables) as BackupTable[]) {
    let columns: readonly string[] | undefined
    for await (const rows of pagesOf(db, table)) {
      if (columns === undefined) {
        columns = Object.keys(rows[0] ?? {})
        yield line({ table, columns })
      }
      written.rows += rows.length
      yield rows.map((row) => line(Object.values(row).map(portable))).join('')
    }
  }
  yield line({ rows: written.rows })
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

function portable(value: unknown): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

type Row = Readonly<Record<string, unknown>>

/** The rows of a table, from one place in the order of its key to the next: neither engine holds more than a page of them. */
async function* pagesOf(db: Kysely<Tables>, table: BackupTable): AsyncGenerator<readonly Row[]> {
  const key = sql.join(backupTables[table].map((column) => sql.ref(column)))
  let after = sql``
  for (;;) {
    const page = sql<Row>`select * from ${sql.table(table)} ${after} order by ${key} limit ${sql.lit(pageSize)}`
    const { rows } = await page.execute(db)
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
    if (rows.length < pageSize) return
    after = sql`where (${key}) > (${sql.join(backupTables[table].map((column) => last[column]))})`
  }
}
