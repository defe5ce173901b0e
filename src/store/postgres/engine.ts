import { Kysely, PostgresDialect, type RawBuilder, sql } from 'kysely'
import pg from 'pg'
import type { Fault, NewRow, SqlEngine, Writing } from '../sql/engine.ts'
import type { Tables } from '../sql/tables.ts'
import { locks } from './locks.ts'
import { Partitions } from './partitions.ts'
import type { Pool } from './pool.ts'

/** The channel on which a change of the revision is told. */
export const channel = 'switchyard_revision'

/** An answer that took longer does not tell when it was made: milliseconds. */
const tellingMs = 1000

/** PostgreSQL as the shared SQL uses it. */
export class PostgresEngine implements SqlEngine {
  readonly name = 'postgres'
  readonly writer: Kysely<Tables>
  readonly reader: Kysely<Tables>
  readonly keepRows = { waiting: sql`for update`, skipping: sql`for update skip locked` }
  readonly #reports: Kysely<Tables>
  readonly #partitions: Partitions
  /** How far the server's clock is ahead of this machine's: milliseconds. */
  #ahead = 0
  readonly #types = new Map<string, ReadonlyMap<string, string>>()

  /** Reports have connections of their own: they may take longer, and do not keep others from theirs. */
  constructor(pool: Pool, reports: Pool) {
    this.writer = new Kysely({ dialect: new PostgresDialect({ pool }) })
    this.reader = this.writer
    this.#reports = new Kysely({ dialect: new PostgresDialect({ pool: reports }) })
    this.#partitions = new Partitions(this.writer)
  }

  snapshot<Result>(read: (db: Kysely<Tables>) => Promise<Result>): Promise<Result> {
    return this.#reports.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(read)
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
    const into = sql`${sql.table(table)} (${sql.join(columns.map((column) => sql.ref(column)))})`
    const { rows: returned } =
      await sql<Returned>`insert into ${into} ${await this.#rowsOf(transaction, table, columns, rows)} ${ending}`.execute(
        transaction,
      )
    return returned
  }

  async updateAll(
    transaction: Writing,
    table: keyof Tables,
    key: readonly string[],
    rows: readonly NewRow[],
  ): Promise<void> {
    const [first] = rows
    if (first === undefined) return
    const columns = Object.keys(first)
    const changed = columns.filter((column) => !key.includes(column))
    const set = changed.map((column) => sql`${sql.ref(column)} = ${sql.ref(`given.${column}`)}`)
    const where = key.map((column) => sql`${sql.ref(`${table}.${column}`)} = ${sql.ref(`given.${column}`)}`)
    await sql`update ${sql.table(table)} set ${sql.join(set)} from (${await this.#rowsOf(transaction, table, columns, rows)}) as given
      where ${sql.join(where, sql` and `)}`.execute(transaction)
  }

  /**
   * The rows as a query. They travel as one array for each column, so that the statement is the same for any number of rows; as JSON they
   * would take the server three times as long, and as parameters of their own the driver.
   */
  async #rowsOf(
    transaction: Writing,
    table: keyof Tables,
    columns: readonly string[],
    rows: readonly NewRow[],
  ): Promise<RawBuilder<unknown>> {
    const types = this.#types.get(table) ?? (await readTypes(transaction, table))
    this.#types.set(table, types)
    const arrays = columns.map((column) => {
      return sql`${arrayOf(rows, column)}::${sql.raw(types.get(column) ?? 'text')}[]`
    })
    const names = sql.join(columns.map((column) => sql.ref(column)))
    return sql`select ${names} from unnest(${sql.join(arrays)}) as given (${names})`
  }

  isAnyOf(column: string, values: readonly string[]): RawBuilder<boolean> {
    return sql<boolean>`${sql.ref(column)} = any(${values}::text[])`
  }

  mayHaveStarted(from: number, to: number): RawBuilder<boolean> {
    return sql<boolean>`started between ${BigInt(from)} and ${BigInt(to)}`
  }

  shared(time: number): number {
    return Math.trunc(time) + this.#ahead
  }

  async compareClocks(): Promise<void> {
    const asked = Date.now()
    const { rows } = await sql<{ now: number }>`
      select cast(extract(epoch from clock_timestamp()) * 1000 as double precision) as now`.execute(this.reader)
    const answered = Date.now()
    const [row] = rows
    if (row === undefined || answered - asked > tellingMs) return
    const ahead = Math.round((row.now - (asked + answered) / 2) / 1000) * 1000
    // It matters nothing, and times stay as they are, where both are kept right.
    this.#ahead = Math.abs(ahead) <= 1000 ? 0 : ahead
  }

  async lockLedger(transaction: Writing): Promise<void> {
    await sql`select pg_advisory_xact_lock(${locks.ledger})`.execute(transaction)
  }

  async prepareFor(started: readonly number[], again: boolean): Promise<void> {
    if (again) this.#partitions.forget()
    await this.#partitions.make(started)
  }

  async dropBefore(started: number): Promise<void> {
    await this.#partitions.drop(started)
  }

  async announce(transaction: Writing): Promise<void> {
    await sql`select pg_notify(${channel}, '')`.execute(transaction)
  }

  async hasTable(db: Kysely<Tables>, name: string): Promise<boolean> {
    const { rows } = await sql`select 1 from pg_class where oid = to_regclass(${name})`.execute(db)
    return rows.length > 0
  }

  async lockMigrations(transaction: Writing): Promise<void> {
    await sql`select pg_advisory_xact_lock(${locks.migrate})`.execute(transaction)
  }

  async countOn(transaction: Writing): Promise<void> {
    await sql`select setval('request_seq', (select coalesce(max(seq), 0) + 1 from request), false)`.execute(transaction)
  }

  async close(): Promise<void> {
    await this.writer.destroy()
    await this.#reports.destroy()
  }

  faultOf(error: unknown): Fault {
    if (!(error instanceof pg.DatabaseError)) return isLostConnection(error) ? 'unavailable' : 'other'
    const { code = '' } = error
    return faults[code] ?? faults[code.slice(0, 2)] ?? 'other'
  }
}

/** The type of each column of a table, by the names that PostgreSQL has for them. */
async function readTypes(transaction: Writing, table: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ name: string; type: string }>`
    select attname as name, format_type(atttypid, null) as type
    from pg_attribute where attrelid = to_regclass(${table}) and attnum > 0`.execute(transaction)
  return new Map(rows.map(({ name, type }) => [name, type]))
}

/** A column as an array, in the text that PostgreSQL reads: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function arrayOf(rows: readonly NewRow[], column: string): string {
  // Tens of thousands of values for a batch, on the thread that serves calls: no lists in between.
  let text = ''
  for (const row of rows) {
    const value = row[column] ?? null
    if (typeof value === 'string') text += value === '' ? ',""' : `,"${escape(value)}"`
    else text += `,${value}`
  }
  return `{${text.slice(1)}}`
}

function escape(value: string): string {
  return value.includes('"') || value.includes('\\') ? value.replaceAll(/["\\]/g, String.raw`\$&`) : value
}

/** What the driver and the system throw when no answer comes; the driver's own errors have no code. */
function isLostConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError) return true
  return 'code' in error
    ? typeof error.code === 'string'
    : /timeout|terminated|not queryable|closed|ended/i.test(error.message)
}

/** PostgreSQL's conditions, and classes of them: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const faults: Readonly<Record<string, Fault>> = {
  '23505': 'unique',
  '23503': 'reference',
  '40001': 'again', // serialization failure
  '40P01': 'again', // deadlock
  '23514': 'again', // no partition for the row: it was dropped since it was made; there are no other checks
  '55P03': 'unavailable', // a lock was not to be had
  '57014': 'unavailable', // the statement took too long
  '25P03': 'unavailable', // the transaction was silent too long
  '25006': 'unavailable', // read only
  '08': 'unavailable', // connection
  '28': 'unavailable', // not let in
  '3D': 'unavailable', // no such database
  '53': 'unavailable', // no room, no memory, too many connections
  '57': 'unavailable', // shutting down, starting up
  '58': 'unavailable', // the system beneath
}
