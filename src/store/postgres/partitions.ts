import { type Kysely, sql } from 'kysely'
import type { Tables } from '../sql/tables.ts'
import { locks } from './locks.ts'

const dayMs = 86_400_000

/** The partitions of the request log: one for each day in UTC, made before they are needed, and for odd times when they are. */
export class Partitions {
  readonly #db: Kysely<Tables>
  readonly #known = new Set<number>()

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  /** Makes the partitions for rows that started at these times, and that of the day after today, which begins at midnight. */
  async make(started: readonly number[]): Promise<void> {
    const now = Date.now()
    const days = new Set([...started, now, now + dayMs].map((time) => Math.floor(time / dayMs)))
    const missing = [...days].filter((day) => !this.#known.has(day))
    if (missing.length === 0) return
    await this.#db.transaction().execute(async (transaction) => {
      await sql`select pg_advisory_xact_lock(${locks.partitions})`.execute(transaction)
      for (const day of missing) await makePartition(transaction, day)
    })
    for (const day of missing) this.#known.add(day)
  }

  /**
   * Drops the partitions of days that were over by then. That needs the table alone for a moment: where a long reading keeps it from
   * that, it is given up after a second, so that nobody waits behind it, and `store_unavailable`.
   */
  async drop(before: number): Promise<void> {
    const { rows } = await sql<{ name: string }>`
      select relname as name from pg_inherits join pg_class on pg_class.oid = inhrelid
      where inhparent = 'request'::regclass`.execute(this.#db)
    const over = rows.map(({ name }) => name).filter((name) => (dayOf(name) + 1) * dayMs <= before)
    for (const name of over) {
      await this.#db.transaction().execute(async (transaction) => {
        await sql`set local lock_timeout = '1s'`.execute(transaction)
        await sql`drop table if exists ${sql.table(name)}`.execute(transaction)
      })
      this.#known.delete(dayOf(name))
    }
  }

  /** Looks again at what is there, after somebody else dropped a partition. */
  forget(): void {
    this.#known.clear()
  }
}

/** Made as a table of its own and attached then: that does not make those wait who read or write the log. */
async function makePartition(db: Kysely<Tables>, day: number): Promise<void> {
  const name = partitionName(day)
  const found = await sql`select 1 from pg_class where oid = to_regclass(${name})`.execute(db)
  if (found.rows.length > 0) return
  await sql`create table ${sql.table(name)} (like request including defaults including storage)`.execute(db)
  await sql`alter table request attach partition ${sql.table(name)}
    for values from (${sql.lit(day * dayMs)}) to (${sql.lit((day + 1) * dayMs)})`.execute(db)
}

/** Such as `request_20261125`. */
function partitionName(day: number): string {
  return `request_${new Date(day * dayMs).toISOString().slice(0, 10).replaceAll('-', '')}`
}

function dayOf(name: string): number {
  const [, year, month, day] = /^request_(\d{4})(\d{2})(\d{2})$/.exec(name) ?? []
  return Date.UTC(Number(year), Number(month) - 1, Number(day)) / dayMs
}
