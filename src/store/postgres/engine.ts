import { Kysely, PostgresDialect, type RawBuilder, sql } from 'kysely'
import pg from 'pg'
import type { Fault, NewRow, SqlEngine, Writing } from '../sql/engine.ts'
import type { Tables } from '../sql/tables.ts'
import { locks } from './locks.ts'
import { Partitions } from './partitions.ts'
import type { Pool } from './pool.ts'

/** The channel on which a change of the revision is told. */
export const channel = 'switchyard_revision'

/** PostgreSQL as the shared SQL uses it. */
export class PostgresEngine implements SqlEngine {
  readonly name = 'postgres'
  readonly writer: Kysely<Tables>
  readonly reader: Kysely<Tables>
  readonly #partitions: Partitions

  constructor(pool: Pool) {
    this.writer = new Kysely({ dialect: new PostgresDialect({ pool }) })
    this.reader = this.writer
    this.#partitions = new Partitions(this.writer)
  }

  snapshot<Result>(read: (db: Kysely<Tables>) => Promise<Result>): Promise<Result> {
    return this.reader.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(read)
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
      await sql<Returned>`insert into ${into} ${rowsOf(table, columns, rows)} ${ending}`.execute(transaction)
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
    await sql`update ${sql.table(table)} set ${sql.join(set)} from (${rowsOf(table, columns, rows)}) as given
      where ${sql.join(where, sql` and `)}`.execute(transaction)
  }

  isAnyOf(column: string, values: readonly string[]): RawBuilder<boolean> {
    return sql<boolean>`${sql.ref(column)} = any(${values}::text[])`
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

  faultOf(error: unknown): Fault {
    if (!(error instanceof pg.DatabaseError)) return isLostConnection(error) ? 'unavailable' : 'other'
    const { code = '' } = error
    return faults[code] ?? faults[code.slice(0, 2)] ?? 'other'
  }
}

/** The rows as a query. They travel as one JSON parameter, so that the statement is the same for any number of them. */
function rowsOf(table: keyof Tables, columns: readonly string[], rows: readonly NewRow[]): RawBuilder<unknown> {
  const values = sql.join(columns.map((column) => sql.ref(column)))
  return sql`select ${values} from json_populate_recordset(null::${sql.table(table)}, ${JSON.stringify(rows)}::json)`
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
