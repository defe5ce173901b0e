import { z } from 'zod'
import type { Tables } from './tables.ts'

/*
 * A backup is the same for both engines, so that one can become the other: JSON lines, compressed with gzip. The first line says what it
 * is; for each table a line names it and its columns, and one line for each row follows with the values in their order; the last line
 * says how many rows there were, so that a file that was cut short is known. Whole numbers that JSON cannot hold are decimal text.
 */

/** What a store has by itself, or for a day at most: answers that are kept to be given again are in no copy. */
type Uncopied = 'migration' | 'once_request'

/** The tables, those that others refer to before them, each with the columns of its primary key: rows are read in that order. */
export const backupTables = {
  revision: ['number'],
  account: ['id'],
  api_key: ['id'],
  provider: ['id'],
  model: ['provider', 'model'],
  alias: ['name'],
  account_charge: ['account_id'],
  request_kept: ['since'],
  request: ['seq'],
  request_content: ['id'],
  usage_combination: ['id'],
  usage_hour: ['start', 'combination'],
  usage_day: ['start', 'combination'],
  histogram_hour: ['start', 'metric', 'block', 'combination'],
  histogram_day: ['start', 'metric', 'block', 'combination'],
  batch: ['id'],
  batch_line: ['batch_id', 'line'],
  stored_file: ['id'],
  video: ['id'],
} as const satisfies Record<Exclude<keyof Tables, Uncopied>, readonly string[]>

/** Its tables. */
export type BackupTable = keyof typeof backupTables

const name = z.string().regex(/^[a-z][a-z0-9_]*$/)
const tableNames = Object.keys(backupTables) as BackupTable[]

/** The first line. */
export const headShape = z.object({
  format: z.literal('switchyard-backup'),
  version: z.literal(1),
  created: z.string(),
  migrations: z.array(z.string()).min(1),
})

/** Any other line. */
export const lineShape = z.union([
  z.array(z.union([z.string(), z.number(), z.null()])),
  z.object({ table: z.enum(tableNames), columns: z.array(name).min(1) }),
  z.object({ rows: z.int().min(0) }),
])
