import type { Kysely, RawBuilder, Transaction } from 'kysely'
import type { Store } from '../contract.ts'
import type { Tables } from './tables.ts'

/** A transaction on our tables. */
export type Writing = Transaction<Tables>

/** What went wrong in the database, as far as anybody acts on it. */
export type Fault = 'unique' | 'reference' | 'again' | 'unavailable' | 'other'

/** What the two engines do differently. All else in this folder is the same SQL for both. */
export interface SqlEngine {
  readonly name: Store['engine']
  /** Where changes go. Transactions here see everything committed before their first statement. */
  readonly writer: Kysely<Tables>
  /** For what only reads: one transaction sees one moment. */
  readonly reader: Kysely<Tables>
  /** Runs `read` on one moment of the store. */
  snapshot<Result>(read: (db: Kysely<Tables>) => Promise<Result>): Promise<Result>
  /**
   * A query that gives `rows` as rows of these columns of a table, in their order: `insert into t (columns) ${rowsOf(...)}`. The rows
   * travel as one JSON parameter, so that the statement is the same for any number of them.
   */
  rowsOf(table: keyof Tables, columns: readonly string[], rows: readonly object[]): RawBuilder<unknown>
  /** A condition: the column is one of the values, of which there may be none or thousands. */
  isAnyOf(column: string, values: readonly string[]): RawBuilder<boolean>
  /** Lets those who write to the ledger take turns, until the transaction ends: the order of its rows is the order of commits. */
  lockLedger(transaction: Writing): Promise<void>
  /** Makes room for rows that started at these times. Called before the transaction that inserts them, and `again` after it failed. */
  prepareFor(started: readonly number[], again: boolean): Promise<void>
  /** Drops at once what holds only rows that started before. Others may remain. */
  dropBefore(started: number): Promise<void>
  /** Tells other processes, when the transaction commits, that the revision changed. */
  announce(transaction: Writing): Promise<void>
  faultOf(error: unknown): Fault
}

/** Where the store tells of rows that it cannot read and leaves out: which table, which row, and why. */
export type SkippedRow = (row: { readonly table: string; readonly id: string; readonly problem: string }) => void

/** What everything in this folder works with. */
export interface Sql {
  readonly engine: SqlEngine
  readonly skipped: SkippedRow
}
