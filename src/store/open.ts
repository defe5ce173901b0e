import { join } from 'node:path'
import { fail } from '../error/index.ts'
import type { Store } from './contract.ts'
import type { BadRow } from './sql/engine.ts'

/** What may be told of while a store is open. */
export interface StoreOptions {
  /** A row that cannot be read is left out, and told to this: once, until it changes. */
  readonly skipped?: (row: BadRow) => void
}

/** The variable that chooses PostgreSQL and says where it is. */
export const databaseVariable = 'SWITCHYARD_DATABASE_URL'

/**
 * Where the store is: the database that the variable names, or else a file in the data folder. May hold a password, and is never logged.
 * Throws `invalid_request` for anything but a URL of PostgreSQL: as the name of a file, it would show its password to whoever lists them.
 */
export function storeLocation(env: Readonly<Record<string, string | undefined>>, dataDir: string): string {
  const url = env[databaseVariable]
  if (url === undefined || url === '') return join(dataDir, 'switchyard.db')
  if (!isPostgres(url)) throw fail('invalid_request', `${databaseVariable}: must be a URL that begins with postgres://`)
  return url
}

/** Whether a location is a server's URL, rather than a file's path. */
export function isPostgres(location: string): boolean {
  return /^postgres(ql)?:/i.test(location)
}

/**
 * Opens the store, and brings its schema up to date: PostgreSQL for `postgres://` and `postgresql://`, else a SQLite file of that path.
 * Rejects with `store_unavailable` when it cannot be reached, was made by a newer version, or the URL cannot be read; the error never
 * holds the URL.
 */
export async function openStore(location: string, { skipped = () => {} }: StoreOptions = {}): Promise<Store> {
  if (isPostgres(location)) {
    const { openPostgres } = await import('./postgres/open.ts')
    return await openPostgres(location, skipped)
  }
  const { openSqlite } = await import('./sqlite/open.ts')
  return await openSqlite(location, skipped)
}
