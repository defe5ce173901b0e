import { isPostgres } from './open.ts'
import type { SqlEngine } from './sql/engine.ts'
import { migrate } from './sql/migrate.ts'
import { readBackup } from './sql/restore.ts'
import { withEngine } from './sql/store.ts'

/** Brings the schema of a store up to date, and gives the names of what was applied. Rejects as `openStore` does. */
export async function migrateStore(location: string): Promise<readonly string[]> {
  return await withEngine(await connect(location), migrate)
}

/**
 * Reads a backup, of either engine, into an empty store of either, all of it or nothing. Resolves with the number of rows. Rejects with
 * `conflict` when there is something in the store already, with `invalid_request` when the file is not a whole backup.
 */
export async function restoreStore(location: string, file: string): Promise<number> {
  return await withEngine(await connect(location), (engine) => readBackup(engine, file))
}

async function connect(location: string): Promise<SqlEngine> {
  if (isPostgres(location)) return (await import('./postgres/open.ts')).connectPostgres(location)
  return (await import('./sqlite/open.ts')).connectSqlite(location)
}
