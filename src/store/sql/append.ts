import { sql } from 'kysely'
import type { ContentRow, RequestRow } from '../contract.ts'
import { type Charge, chargeAccounts } from './charges.ts'
import type { Sql, SqlEngine, Writing } from './engine.ts'
import { transact } from './faults.ts'
import { type RequestRecord, startOf, writeContent, writeRequest } from './request-row.ts'
import { addendsOf, addToSums } from './sums.ts'

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
  const given = [...new Map(rows.map(writeRequest).map((record) => [record.id, record])).values()]
  const known = await idsKnown(engine, writing, given)
  const fresh = given.filter(({ id }) => !known.has(id))
  // Nobody else writes here until the transaction ends, so what was not known is not there.
  await engine.insertAll(writing, 'request', fresh, sql`on conflict do nothing`)
  const unknown = content.filter(({ id }) => !known.has(id)).map(writeContent)
  await engine.insertAll(writing, 'request_content', unknown, sql`on conflict do nothing`)
  await addToSums(engine, writing, addendsOf(fresh))
  await chargeAccounts(engine, writing, fresh.map(chargeOf))
}

/** The ids that are in the log already. */
async function idsKnown(
  engine: SqlEngine,
  writing: Writing,
  records: readonly RequestRecord[],
): Promise<ReadonlySet<string>> {
  if (records.length === 0) return new Set()
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
    .where(engine.mayHaveStarted(Math.min(...starts) - dayMs, Math.max(...starts) + dayMs))
    .execute()
  return new Set(found.map(({ id }) => id))
}

function chargeOf({ account_id: accountId, cost_nano_usd: cost }: RequestRecord): Charge {
  return { accountId, nanoUsd: BigInt(cost ?? 0), requests: 1 }
}
