import type { SQLInputValue } from 'node:sqlite'
import { CompiledQuery, Kysely, type RawBuilder, sql } from 'kysely'
import type { Fault, NewRow, SqlEngine, Writing } from '../sql/engine.ts'
import type { Tables } from '../sql/tables.ts'
import { Runs, SqliteError } from './connection.ts'
import { WorkerDialect } from './dialect.ts'

/** How long to wait for another process that is writing to the same file, in milliseconds. */
const busyMs = 5000

/** SQLite as the shared SQL uses it: one thread that writes, and one that reads beside it. */
export class SqliteEngine implements SqlEngine {
  readonly name = 'sqlite'
  readonly writer: Kysely<Tables>
  readonly reader: Kysely<Tables>
  /** A transaction of the writing thread is alone with the file from its beginning. */
  readonly keepRows = { waiting: sql``, skipping: sql`` }

  constructor(path: string) {
    this.writer = new Kysely({ dialect: new WorkerDialect({ path, readOnly: false, busyMs }) })
    this.reader = new Kysely({ dialect: new WorkerDialect({ path, readOnly: true, busyMs }) })
  }

  snapshot<Result>(read: (db: Kysely<Tables>) => Promise<Result>): Promise<Result> {
    return this.reader.transaction().execute(read)
  }

  async insertAll<Returned>(
    transaction: Writing,
    table: keyof Tables,
    rows: readonly NewRow[],
    ending: RawBuilder<unknown>,
  ): Promise<readonly Returned[]> {
    const [first] = rows
    if (first === undefined) return []
    const columns = Object.keys(first)
    const values = columns.map(() => '?').join(', ')
    const text = `insert into ${quote(table)} (${columns.map(quote).join(', ')}) values (${values}) ${ending.compile(transaction).sql}`
    return await runAll<Returned>(transaction, text, columns, rows)
  }

  async updateAll(
    transaction: Writing,
    table: keyof Tables,
    key: readonly string[],
    rows: readonly NewRow[],
  ): Promise<void> {
    const [first] = rows
    if (first === undefined) return
    const changed = Object.keys(first).filter((column) => !key.includes(column))
    const set = changed.map((column) => `${quote(column)} = ?`).join(', ')
    const where = key.map((column) => `${quote(column)} = ?`).join(' and ')
    await runAll(transaction, `update ${quote(table)} set ${set} where ${where}`, [...changed, ...key], rows)
  }

  isAnyOf(column: string, values: readonly string[]): RawBuilder<boolean> {
    return sql<boolean>`${sql.ref(column)} in (select value from json_each(${JSON.stringify(values)}))`
  }

  mayHaveStarted(_from: number, _to: number): RawBuilder<boolean> {
    return sql<boolean>`1 = 1`
  }

  /** All processes are on one machine. */
  shared(time: number): number {
    return Math.trunc(time)
  }

  async compareClocks(): Promise<void> {}

  /** A transaction of the writing thread is alone with the file from its beginning. */
  async lockLedger(_transaction: Writing): Promise<void> {}

  async prepareFor(_started: readonly number[], _again: boolean): Promise<void> {}

  async dropBefore(_started: number): Promise<void> {}

  /** Other processes look for themselves. */
  async announce(_transaction: Writing): Promise<void> {}

  async hasTable(db: Kysely<Tables>, name: string): Promise<boolean> {
    const { rows } = await sql`select 1 from sqlite_schema where type = 'table' and name = ${name}`.execute(db)
    return rows.length > 0
  }

  async lockMigrations(_transaction: Writing): Promise<void> {}

  /** SQLite does so by itself. */
  async countOn(_transaction: Writing): Promise<void> {}

  faultOf(error: unknown): Fault {
    if (!(error instanceof SqliteError)) return 'other'
    if (error.errcode === undefined) return 'unavailable'
    return faults[error.errcode] ?? faults[error.errcode % 256] ?? 'other'
  }

  async close(): Promise<void> {
    await this.reader.destroy()
    await this.writer.destroy()
  }
}

function quote(name: string): string {
  return `"${name}"`
}

/** Runs one statement with every row: a statement over many rows takes SQLite far longer, as JSON as well as in parameters. */
async function runAll<Returned>(
  transaction: Writing,
  text: string,
  columns: readonly string[],
  rows: readonly NewRow[],
): Promise<readonly Returned[]> {
  const lists = rows.map((row) => valuesOf(row, columns))
  const { rows: returned } = await transaction.executeQuery<Returned>(CompiledQuery.raw(text, [new Runs(lists)]))
  return returned
}

/** Values by columns. Pushed one by one: a list that had room for them at first takes three times as long to hand to another thread. */
function valuesOf(row: NewRow, columns: readonly string[]): readonly SQLInputValue[] {
  const values: SQLInputValue[] = []
  for (const column of columns) values.push(row[column] ?? null)
  return values
}

/** SQLite's result codes, extended ones first: https://www.sqlite.org/rescode.html */
const faults: Readonly<Record<number, Fault>> = {
  2067: 'unique',
  1555: 'unique',
  787: 'reference',
  5: 'unavailable', // busy
  6: 'unavailable', // locked
  8: 'unavailable', // read only
  10: 'unavailable', // I/O error
  11: 'unavailable', // corrupt
  13: 'unavailable', // full
  14: 'unavailable', // cannot open
  26: 'unavailable', // not a database
}
