import type { Kysely, RawBuilder, Transaction } from 'kysely'
import type { Store } from '../contract.ts'
import type { Tables } from './tables.ts'

/** A transaction on our tables. */
export type Writing = Transaction<Tables>

/** What went wrong in the database, as far as anybody acts on it. */
export type Fault = 'unique' | 'reference' | 'again' | 'unavailable' | 'other'

/** A row to be written, by columns. */
export type NewRow = Readonly<Record<string, string | number | null>>

/** What the two engines do differently. All else in this folder is the same SQL for both. */
export interface SqlEngine {
  readonly name: Store['engine']
  /** Where changes go. Transactions here see everything committed before their first statement. */
  readonly writer: Kysely<Tables>
  /** For what only reads: one transaction sees one moment. */
  readonly reader: Kysely<Tables>
  /** Runs `read` on one moment of the store: for what reads much, and may take longer than other reading. */
  snapshot<Result>(read: (db: Kysely<Tables>) => Promise<Result>): Promise<Result>
  /**
   * Inserts rows in their order, each with the columns that the first one has; whole numbers may be given as decimal text. `ending` says
   * what to do in a conflict and what to return, which is given back.
   */
  insertAll<Returned>(
    transaction: Writing,
    table: keyof Tables,
    rows: readonly NewRow[],
    ending: RawBuilder<unknown>,
  ): Promise<readonly Returned[]>
  /** Sets the other columns of the rows that have these key columns. */
  updateAll(transaction: Writing, table: keyof Tables, key: readonly string[], rows: readonly NewRow[]): Promise<void>
  /** A condition: the column is one of the values, of which there may be none or thousands. */
  isAnyOf(column: string, values: readonly string[]): RawBuilder<boolean>
  /**
   * A condition for rows of the request log that are sought by id: that they started within these times, where the log is split by time;
   * elsewhere always true.
   */
  mayHaveStarted(from: number, to: number): RawBuilder<boolean>
  /** At the end of a query: keeps its rows from others until the transaction ends; or leaves out the rows that others keep. */
  readonly keepRows: { readonly waiting: RawBuilder<unknown>; readonly skipping: RawBuilder<unknown> }
  /** A time of this machine's clock, in whole milliseconds by the clock that all processes go by: leases are measured by that. */
  shared(time: number): number
  /** Looks how far the two clocks are apart. */
  compareClocks(): Promise<void>
  /** Lets those who write to the ledger take turns, until the transaction ends: the order of its rows is the order of commits. */
  lockLedger(transaction: Writing): Promise<void>
  /** Makes room for rows that started at these times. Called before the transaction that inserts them, and `again` after it failed. */
  prepareFor(started: readonly number[], again: boolean): Promise<void>
  /** Drops at once what holds only rows that started before. Others may remain. */
  dropBefore(started: number): Promise<void>
  /** Tells other processes, when the transaction commits, that the revision changed. */
  announce(transaction: Writing): Promise<void>
  /** Whether there is a table of that name. */
  hasTable(db: Kysely<Tables>, name: string): Promise<boolean>
  /** Keeps every other process from changing the schema, until the transaction ends. */
  lockMigrations(transaction: Writing): Promise<void>
  /** Lets `seq` count on from the greatest there is, after rows were written that brought their own. */
  countOn(transaction: Writing): Promise<void>
  faultOf(error: unknown): Fault
  close(): Promise<void>
}

/** A row that cannot be read: which table, which row, and why. */
export interface BadRow {
  readonly table: string
  readonly id: string
  readonly problem: string
}

/** Where readers of rows say which ones cannot be read and are left out. */
export interface SkippedRow {
  /** It is left out; `content` is what was read of it. */
  bad(row: BadRow, content: unknown): void
  /** It can be read. */
  good(table: string, id: string): void
}

/** What everything in this folder works with. */
export interface Sql {
  readonly engine: SqlEngine
  readonly skipped: SkippedRow
}
