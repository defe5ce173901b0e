import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { sql } from 'kysely'
import type { z } from 'zod'
import { fail } from '../../error/index.ts'
import { defaultAccountId } from '../contract.ts'
import { type BackupTable, backupTables, headShape, lineShape } from './backup-format.ts'
import type { Condition } from './conditions.ts'
import type { NewRow, SqlEngine, Writing } from './engine.ts'
import { appliedMigrations, migrate, unknownMigrations } from './migrate.ts'
import { changed } from './revision.ts'

/** Rows that are written at a time. */
const batchSize = 500

/**
 * Reads a backup into an empty store, all of it or nothing, and brings it up to date. The store gets the schema of the backup first,
 * where it has none. Resolves with the number of rows. Rejects with `conflict` when there is something in the store already, or its
 * schema is another; with `invalid_request` when the file is not a whole backup.
 */
export async function readBackup(engine: SqlEngine, path: string): Promise<number> {
  const lines = linesOf(path)
  const first = await lines.next()
  const head = first.done === true ? undefined : headShape.safeParse(first.value).data
  if (head === undefined) throw notABackup(path)
  await makeSchema(engine, head)
  const rows = await engine.writer.transaction().execute(async (writing) => {
    await engine.lockMigrations(writing)
    await requireEmpty(writing)
    const read = await writeRows(engine, writing, lines, path)
    await engine.countOn(writing)
    await changed(engine, writing)
    return read
  })
  await migrate(engine)
  return rows
}

function notABackup(path: string, cause?: unknown): Error {
  return fail('invalid_request', `${path} is not a whole backup of a store`, { cause })
}

async function makeSchema(engine: SqlEngine, { migrations }: z.infer<typeof headShape>): Promise<void> {
  const unknown = unknownMigrations(migrations)
  if (unknown.length > 0)
    throw fail('conflict', `the backup is of a newer version: it has ${unknown.join(', ')}`, { retryable: false })
  await migrate(engine, migrations)
  const applied = await appliedMigrations(engine, engine.writer)
  if (applied.length !== migrations.length)
    throw fail('conflict', 'the backup is of an older version than the store: restore it where no store is yet', {
      retryable: false,
    })
}

const tables = Object.keys(backupTables) as BackupTable[]

/** The rows that a new store has by itself, and a backup has too. */
function own(table: BackupTable): Condition {
  if (table === 'revision' || table === 'request_kept') return sql<boolean>`1 = 1`
  return table === 'account' ? sql<boolean>`id = ${defaultAccountId}` : sql<boolean>`1 = 0`
}

async function requireEmpty(writing: Writing): Promise<void> {
  for (const table of tables) {
    const { rows } = await sql`select 1 from ${sql.table(table)} where not (${own(table)}) limit 1`.execute(writing)
    if (rows.length > 0)
      throw fail('conflict', 'there is something in the store already: restore into a new one', { retryable: false })
  }
  for (const table of tables) await sql`delete from ${sql.table(table)} where ${own(table)}`.execute(writing)
}

async function writeRows(engine: SqlEngine, writing: Writing, lines: AsyncGenerator, path: string): Promise<number> {
  let table: { readonly table: BackupTable; readonly columns: readonly string[] } | undefined
  let batch: NewRow[] = []
  let rows = 0
  let told: number | undefined
  const flush = async (): Promise<void> => {
    if (table === undefined) return
    if (table.table === 'request')
      await engine.prepareFor(
        batch.map(({ started }) => Number(started)),
        false,
      )
    await engine.insertAll(writing, table.table, batch, sql``)
    batch = []
  }
  for await (const value of lines) {
    const read = lineShape.safeParse(value)
    if (!read.success || told !== undefined) throw notABackup(path, read.error)
    if ('rows' in read.data) told = read.data.rows
    else if ('table' in read.data) {
      await flush()
      table = read.data
    } else {
      batch.push(rowOf(table?.columns ?? [], read.data))
      rows += 1
      if (batch.length === batchSize) await flush()
    }
  }
  await flush()
  if (told !== rows) throw notABackup(path)
  return rows
}

function rowOf(columns: readonly string[], values: readonly (string | number | null)[]): NewRow {
  return Object.fromEntries(columns.map((column, index) => [column, values[index] ?? null]))
}

/** The lines of the file, as the JSON they are. */
async function* linesOf(path: string): AsyncGenerator {
  const file = createReadStream(path)
  const unzipped = file.on('error', (error) => unzipped.destroy(error)).pipe(createGunzip())
  let rest = ''
  try {
    for await (const text of unzipped.setEncoding('utf8')) {
      const lines = (rest + String(text)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) yield JSON.parse(line) as unknown
    }
  } catch (error) {
    const unread = error instanceof Error && 'syscall' in error
    throw unread ? fail('not_found', `the file ${path} cannot be read`, { cause: error }) : notABackup(path, error)
  } finally {
    file.destroy()
  }
  if (rest !== '') throw notABackup(path)
}
