import type { Store } from '../contract.ts'
import type { BadRow } from '../sql/engine.ts'
import { openSql } from '../sql/store.ts'
import { PostgresEngine } from './engine.ts'
import { Listener } from './listener.ts'
import { clientConfig, type Patience, Pool, usualPatience } from './pool.ts'

/** Connections of one process, and those of them that are for sums over calls. */
const mostConnections = 10
const mostReports = 2
/** Should a notification be lost, a change is noticed after this long, in milliseconds. */
const pollMs = 1000
/** Sums over years may take a while. */
const reportPatience: Patience = { connectMs: 5000, statementMs: 15_000, idleMs: 5000 }
/** For migrating, which may wait for another replica that does so, and for reading and writing all there is. */
const upkeepPatience: Patience = { connectMs: 5000, statementMs: 600_000, idleMs: 600_000 }

/**
 * Opens the store in a PostgreSQL database. Several replicas may open it at once; one of them makes the tables. Rejects with
 * `store_unavailable` when it cannot be reached or was made by a newer version. No error holds the URL.
 */
export async function openPostgres(url: string, skipped: (row: BadRow) => void): Promise<Store> {
  const config = clientConfig(url, usualPatience)
  const reports = new Pool(clientConfig(url, reportPatience), mostReports)
  const engine = new PostgresEngine(new Pool(config, mostConnections), reports)
  const listener = new Listener(config)
  const hints = (look: () => void) => listener.add(look)
  return await openSql({ engine, patient: () => connectPostgres(url), skipped, pollMs, hints })
}

/** The same database, whatever is in it, for upkeep: with time for what takes long. */
export function connectPostgres(url: string): PostgresEngine {
  const config = clientConfig(url, upkeepPatience)
  // One for a transaction, and one to make partitions beside it.
  return new PostgresEngine(new Pool(config, 2), new Pool(config, 1))
}
