import { sql } from 'kysely'
import type { Sql } from './engine.ts'
import { transact } from './faults.ts'

const hourMs = 3_600_000
/** Rows of one transaction, so that others get their turn in between. */
const batchSize = 1000

/**
 * Drops rows that started before, to the whole hour, and content that is past its time. Sums are kept. Where the log is split by time,
 * whole pieces of it are dropped at once, and the rest row by row.
 */
export async function retain({ engine }: Sql, before: number, now: number): Promise<void> {
  const limit = Math.floor(before / hourMs) * hourMs
  await transact(engine, async (writing) => {
    await engine.lockLedger(writing)
    await writing.updateTable('request_kept').set({ since: limit }).where('since', '<', BigInt(limit)).execute()
  })
  await engine.dropBefore(limit)
  await inBatches(async () => {
    const doomed = sql`select id from request where started < ${limit} order by started limit ${sql.lit(batchSize)}`
    const { numAffectedRows } = await sql`delete from request where started < ${limit} and id in (${doomed})`.execute(
      engine.writer,
    )
    return numAffectedRows
  })
  await inBatches(async () => {
    const doomed = sql`select id from request_content where expires <= ${Math.floor(now)} limit ${sql.lit(batchSize)}`
    const { numAffectedRows } = await sql`delete from request_content where id in (${doomed})`.execute(engine.writer)
    return numAffectedRows
  })
}

async function inBatches(deleteSome: () => Promise<bigint | undefined>): Promise<void> {
  while (((await deleteSome()) ?? 0n) > 0n);
}
