import { closeSync, mkdirSync, openSync, readSync } from 'node:fs'
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

/** Makes the file where it is not there. Throws `store_unavailable` where it cannot be, and for a file that is something else. */
function makeFile(path: string): void {
  if (!magic.startsWith(beginningOf(path)))
    throw fail('store_unavailable', `the file ${path} is no SQLite database: it is damaged, or something else`)
}

/** How every SQLite file begins that has anything in it. */
const magic = 'SQLite format 3\0'

/** The first bytes of the file, which is made where it is not there. */
function beginningOf(path: string): string {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const file = openSync(path, 'a+', 0o600)
    try {
      const bytes = Buffer.alloc(magic.length)
      return bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0))
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw fail('store_unavailable', `the database file ${path} cannot be made or written`, { cause: error })
  }
}
