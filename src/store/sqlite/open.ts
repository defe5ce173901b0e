import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { fail } from '../../error/index.ts'
import type { Store } from '../contract.ts'
import type { BadRow } from '../sql/engine.ts'
import { openSql } from '../sql/store.ts'
import { SqliteEngine } from './engine.ts'

/** Another process that writes to the same file is noticed after this long at most, in milliseconds. */
const pollMs = 250

/**
 * Opens the store in a SQLite file, which is made with its folder when it is not there, and readable for nobody else. Several
 * processes may have it open. Rejects with `store_unavailable` when it cannot be opened or is not ours.
 */
export async function openSqlite(path: string, skipped: (row: BadRow) => void): Promise<Store> {
  const engine = connectSqlite(path)
  return await openSql({ engine, patient: () => new SqliteEngine(path), skipped, pollMs })
}

/** The same file, whatever is in it, for upkeep. */
export function connectSqlite(path: string): SqliteEngine {
  makeFile(path)
  return new SqliteEngine(path)
}

function makeFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    throw fail('store_unavailable', `the database file ${path} cannot be made or written`, { cause: error })
  }
}
