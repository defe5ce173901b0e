import type { Store } from '../contract.ts'
import { type Pace, repeat } from '../repeat.ts'
import { sqlAccounts } from './accounts.ts'
import { sqlBatches } from './batches.ts'
import { writeBackup } from './backup.ts'
import type { BadRow, Sql, SqlEngine } from './engine.ts'
import { storeError, translated } from './faults.ts'
import { sqlFiles } from './files.ts'
import { sqlIdempotency } from './idempotency.ts'
import { sqlLedger } from './ledger.ts'
import { migrate } from './migrate.ts'
import { sqlRegistry } from './registry.ts'
import { readRevision } from './revision.ts'
import { tellOnce } from './skipped.ts'
import { sqlVideos } from './videos.ts'
import { type Watch, watchRevision } from './watch.ts'

/** What a store is made of. */
export interface SqlStoreOptions extends Pick<Watch, 'pollMs' | 'hints'> {
  /** Belongs to the store from here on. */
  readonly engine: SqlEngine
  /** The same database on connections of its own, with time for what takes long. */
  readonly patient: () => SqlEngine
  /** Is told once of a row that cannot be read, for as long as it stays as it is. */
  readonly skipped: (row: BadRow) => void
}

/** How often clocks are compared: milliseconds. */
const clockPace: Pace = [60_000, 60_000]

/** Brings the schema up to date, and gives the store. What is the same SQL on both engines is all there is of it. */
export async function openSql({ engine, patient, skipped, ...watching }: SqlStoreOptions): Promise<Store> {
  let from: bigint
  try {
    await withEngine(patient(), migrate)
    await engine.prepareFor([], false)
    await engine.compareClocks()
    from = await readRevision(engine)
  } catch (error) {
    await engine.close()
    throw storeError(engine, error)
  }
  const store: Sql = { engine, skipped: tellOnce(skipped) }
  const { revision, backup } = translated(engine, {
    revision: () => readRevision(engine),
    backup: async (file: string) => void (await withEngine(patient(), (another) => writeBackup(another, file))),
  })
  const watches = new Set<() => void>()
  // A store that does not answer is told by others.
  const endComparing = repeat(
    () => engine.compareClocks(),
    () => undefined,
    clockPace,
  )
  return {
    engine: engine.name,
    registry: sqlRegistry(store),
    accounts: sqlAccounts(store),
    ledger: sqlLedger(store),
    batches: sqlBatches(store),
    files: sqlFiles(store),
    idempotency: sqlIdempotency(store),
    videos: sqlVideos(store),
    revision,
    watch(changed, failed) {
      const stop = watchRevision({ ...watching, revision, from, changed, failed })
      watches.add(stop)
      return stop
    },
    backup,
    async close() {
      for (const stop of watches) stop()
      await endComparing()
      await engine.close()
    },
  }
}

/** Does something with an engine, whose connections are closed afterwards. */
export async function withEngine<Result>(
  engine: SqlEngine,
  run: (engine: SqlEngine) => Promise<Result>,
): Promise<Result> {
  try {
    return await run(engine)
  } catch (error) {
    throw storeError(engine, error)
  } finally {
    await engine.close()
  }
}
