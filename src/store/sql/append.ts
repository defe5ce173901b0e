import { sql } from 'kysely'
import type { ContentRow, RequestRow } from '../contract.ts'
import { type Charge, chargeAccounts } from './charges.ts'
import type { Sql, SqlEngine, Writing } from './engine.ts'
import { transact } from './faults.ts'
import { type RequestRecord, startOf, writeContent, writeRequest } from './request-row.ts'
import { addendOf, addToSums } from './sums.ts'

/** How far apart two rows of one id are looked for: nothing lasts longer than a day between intent and settlement. */
const dayMs = 86_400_000

/**
 * Takes in rows, each once. Appends take turns, so the order of `seq` is the order of commits, whoever follows the log misses nothing,
 * and sums that several replicas add to never collide.
 */
export async function append(
  { engine }: Sql,
  rows: readonly RequestRow[],
  content: readonly ContentRow[],
): Promise<void> {
  await transactLedger(engine, rows, (writing) => appendIn(engine, writing, rows, content))
}

/** Runs a transaction that may take in these rows, when it is its turn. */
export async function transactLedger<Result>(
  engine: SqlEngine,
  rows: readonly RequestRow[],
  write: (writing: Writing) => Promise<Result>,
): Promise<Result> {
  const starts = rows.map(startOf)
  const inTurn = async (writing: Writing): Promise<Result> => {
    await engine.lockLedger(writing)
    return await write(writing)
  }
  return await transact(engine, inTurn, (again) => engine.prepareFor(starts, again))
}

/** Takes in rows as a part of such a transaction. */
export async function appendIn(
  engine: SqlEngine,
  writing: Writing,
  rows: readonly RequestRow[],
  content: readonly ContentRow[],
): Promise<void> {
  const records = [...new Map(rows.map((row) => [row.id, writeRequest(row)])).values()]
  const taken = await insertNew(engine, writing, records)
  const known = new Set(records.map(({ id }) => id).filter((id) => !taken.has(id)))
  const unknown = content.filter(({ id }) => !known.has(id)).map(writeContent)
  await engine.insertAll(writing, 'request_content', unknown, sql`on conflict do nothing`)
  const fresh = records.filter(({ id }) => taken.has(id))
  await addToSums(engine, writing, fresh.map(addendOf))
  await chargeAccounts(engine, writing, fresh.map(chargeOf))
}

/** Inserts the rows that are not there yet, and gives their ids. */
async function insertNew(
  engine: SqlEngine,
  writing: Writing,
  records: readonly RequestRecord[],
): Promise<ReadonlySet<string>> {
  if (records.length === 0) return new Set()
  const known = await idsKnown(engine, writing, records)
  const missing = records.filter(({ id }) => !known.has(id))
  const taken = await engine.insertAll<{ id: string }>(
    writing,
    'request',
    missing,
    sql`on conflict do nothing returning id`,
  )
  return new Set(taken.map(({ id }) => id))
}

/**
 * The ids that are in the log already. PostgreSQL's table is split by time and can refuse a second row of an id only where the time is
 * the same too; a call that is told again with another time is found here.
 */
async function idsKnown(
  engine: SqlEngine,
  writing: Writing,
  records: readonly RequestRecord[],
): Promise<ReadonlySet<string>> {
  const starts = records.map(({ started }) => started)
  const found = await writing
    .selectFrom('request')
    .select('id')
    .where(
      engine.isAnyOf(
        'id',
        records.map(({ id }) => id),
      ),
    )
    .where('started', '>=', BigInt(Math.min(...starts) - dayMs))
    .where('started', '<=', BigInt(Math.max(...starts) + dayMs))
    .execute()
  return new Set(found.map(({ id }) => id))
}

function chargeOf({ account_id: accountId, cost_nano_usd: cost }: RequestRecord): Charge {
  return { accountId, nanoUsd: BigInt(cost ?? 0), requests: 1 }
}
