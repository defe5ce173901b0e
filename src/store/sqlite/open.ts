import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { sql } from 'kysely'
import { fail } from '../../error/index.ts'
import type { Store } from '../contract.ts'
import type { SkippedRow } from '../sql/engine.ts'
import { storeError } from '../sql/faults.ts'
import { migrate } from '../sql/migrate.ts'
import { readRevision } from '../sql/revision.ts'
import { sqlStore } from '../sql/store.ts'
import { watchRevision } from '../sql/watch.ts'
import { SqliteEngine } from './engine.ts'

/** Another process that writes to the same file is noticed after this long at most, in milliseconds. */
const pollMs = 250

/**
 * Opens the store in a SQLite file, which is made with its folder when it is not there, and readable for nobody else. Several
 * processes may have it open. Rejects with `store_unavailable` when it cannot be opened or is not ours.
 */
export async function openSqlite(path: string, skipped: SkippedRow): Promise<Store> {
  makeFile(path)
  const engine = new SqliteEngine(path)
  let from: bigint
  try {
    await migrate({
      name: engine.name,
      db: engine.writer,
      hasTable: async (db, name) => {
        const found = await sql`select 1 from sqlite_schema where type = 'table' and name = ${name}`.execute(db)
        return found.rows.length > 0
      },
      lock: async () => {},
    })
    from = await readRevision(engine)
  } catch (error) {
    await engine.close()
    throw storeError(engine, error)
  }
  const shared = sqlStore({ engine, skipped })
  const watches = new Set<() => void>()
  return {
    ...shared,
    watch(changed, failed) {
      const stop = watchRevision({ revision: () => shared.revision(), from, pollMs, changed, failed })
      watches.add(stop)
      return stop
    },
    async close() {
      for (const stop of watches) stop()
      await engine.close()
    },
  }
}

function makeFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    throw fail('store_unavailable', `the database file ${path} cannot be made or written`, { cause: error })
  }
}
