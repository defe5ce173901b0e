import type { Store } from '../contract.ts'
import type { SkippedRow } from '../sql/engine.ts'
import { openSql } from '../sql/store.ts'
import { PostgresEngine } from './engine.ts'
import { Listener } from './listener.ts'
import { clientConfig, type Patience, Pool, usualPatience } from './pool.ts'

/** Connections of one process. */
const mostConnections = 10
/** Should a notification be lost, a change is noticed after this long, in milliseconds. */
const pollMs = 1000
/** For migrating, which may wait for another replica that does so, and for reading and writing all there is. */
const upkeepPatience: Patience = { connectMs: 5000, statementMs: 600_000, idleMs: 600_000 }

/**
 * Opens the store in a PostgreSQL database. Several replicas may open it at once; one of them makes the tables. Rejects with
 * `store_unavailable` when it cannot be reached or was made by a newer version. No error holds the URL.
 */
export async function openPostgres(url: string, skipped: SkippedRow): Promise<Store> {
  const config = clientConfig(url, usualPatience)
  const engine = new PostgresEngine(new Pool(config, mostConnections))
  const listener = new Listener(config)
  const hints = (look: () => void) => listener.add(look)
  return await openSql({ engine, patient: () => connectPostgres(url), skipped, pollMs, hints })
}

/** The same database, whatever is in it, for upkeep: with time for what takes long. */
export function connectPostgres(url: string): PostgresEngine {
  return new PostgresEngine(new Pool(clientConfig(url, upkeepPatience), 2))
}
