import type { SQLInputValue } from 'node:sqlite'

/** Which file a worker opens, and how. */
export interface Opening {
  readonly path: string
  readonly readOnly: boolean
  /** How long to wait for another process that has the file locked, in milliseconds. */
  readonly busyMs: number
}

/** One statement for a worker, to be run with each of these lists of parameters. */
export interface Question {
  readonly id: number
  readonly sql: string
  readonly runs: readonly (readonly SQLInputValue[])[]
}

/** What came of it: the rows of all runs, or what SQLite said was wrong. */
export type Answer =
  | { readonly id: number; readonly rows: readonly unknown[]; readonly changes: bigint | undefined }
  | { readonly id: number; readonly message: string; readonly errcode: number | undefined }
