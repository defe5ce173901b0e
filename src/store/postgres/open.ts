import { Kysely, PostgresDialect, sql } from 'kysely'
import type { Store } from '../contract.ts'
import type { SkippedRow } from '../sql/engine.ts'
import { storeError } from '../sql/faults.ts'
import { migrate } from '../sql/migrate.ts'
import { readRevision } from '../sql/revision.ts'
import { sqlStore } from '../sql/store.ts'
import { watchRevision } from '../sql/watch.ts'
import type { Tables } from '../sql/tables.ts'
import { PostgresEngine } from './engine.ts'
import { Listener } from './listener.ts'
import { locks } from './locks.ts'
import { clientConfig, Pool, usualPatience } from './pool.ts'

/** Connections of one process. */
const mostConnections = 10
/** Should a notification be lost, a change is noticed after this long, in milliseconds. */
const pollMs = 1000
/** Migrating may wait for another replica that does, and then find nothing to do. */
const migratingPatience = { connectMs: 5000, statementMs: 120_000, idleMs: 120_000 }

/**
 * Opens the store in a PostgreSQL database. Several replicas may open it at once; one of them makes the tables. Rejects with
 * `store_unavailable` when it cannot be reached or was made by a newer version. No error holds the URL.
 */
export async function openPostgres(url: string, skipped: SkippedRow): Promise<Store> {
  const config = clientConfig(url, usualPatience)
  const pool = new Pool(config, mostConnections)
  const engine = new PostgresEngine(pool)
  let from: bigint
  try {
    await migrateOnce(url)
    await engine.prepareFor([], false)
    from = await readRevision(engine)
  } catch (error) {
    await engine.writer.destroy()
    throw storeError(engine, error)
  }
  const shared = sqlStore({ engine, skipped })
  const listener = new Listener(config)
  const watches = new Set<() => void>()
  return {
    ...shared,
    watch(changed, failed) {
      const hints = (look: () => void) => listener.add(look)
      const stop = watchRevision({ revision: () => shared.revision(), from, pollMs, changed, failed, hints })
      watches.add(stop)
      return stop
    },
    async close() {
      for (const stop of watches) stop()
      await listener.close()
      await engine.writer.destroy()
    },
  }
}

async function migrateOnce(url: string): Promise<void> {
  const db = new Kysely<Tables>({
    dialect: new PostgresDialect({ pool: new Pool(clientConfig(url, migratingPatience), 1) }),
  })
  try {
    await migrate({
      name: 'postgres',
      db,
      hasTable: async (on, name) => {
        const { rows } = await sql`select 1 from pg_class where oid = to_regclass(${name})`.execute(on)
        return rows.length > 0
      },
      lock: async (on) => void (await sql`select pg_advisory_xact_lock(${locks.migrate})`.execute(on)),
    })
  } finally {
    await db.destroy()
  }
}
