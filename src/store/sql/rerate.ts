import { type Kysely, sql } from 'kysely'
import type { LedgerStore, RequestRow } from '../contract.ts'
import { chargeAccounts } from './charges.ts'
import { after } from './conditions.ts'
import type { Place } from './cursor.ts'
import type { Sql, SqlEngine, Writing } from './engine.ts'
import { transact } from './faults.ts'
import { readRequest } from './request-row.ts'
import { type Dimension } from './sum-columns.ts'
import { addToSums, dimensionsOf } from './sums.ts'
import type { Tables } from './tables.ts'

/** Rows of one transaction: few enough that those who take in rows need not wait long for their turn. */
const batchSize = 500

/** Gives rows another cost, oldest first, and brings sums and charges into agreement with it, batch by batch. */
export async function rerate(
  store: Sql,
  ...[since, price]: Parameters<LedgerStore['rerate']>
): Promise<Awaited<ReturnType<LedgerStore['rerate']>>> {
  let place: Place | undefined
  let looked = 0
  let changed = 0
  for (;;) {
    const batch = await transact(store.engine, (writing) => rerateBatch(store, writing, since, place, price))
    looked += batch.looked
    changed += batch.changed
    if (batch.last === undefined) return { looked, changed }
    place = batch.last
  }
}

async function rerateBatch(
  { engine, skipped }: Sql,
  writing: Writing,
  since: number,
  place: Place | undefined,
  price: Parameters<LedgerStore['rerate']>[1],
): Promise<{ readonly looked: number; readonly changed: number; readonly last: Place | undefined }> {
  await engine.lockLedger(writing)
  const found = await readBatch(writing, since, place)
  const last = found.at(-1)
  const rows = found.map((row) => readRequest(row, skipped)).filter((row) => row !== undefined)
  const changes = rows
    .map((row) => ({ row, ...price(row) }))
    .filter(
      ({ row, costNanoUsd, priceVersion }) => costNanoUsd !== row.costNanoUsd || priceVersion !== row.priceVersion,
    )
  await writeChanges(engine, writing, changes)
  return {
    looked: rows.length,
    changed: changes.length,
    last: found.length === batchSize && last !== undefined ? { time: last.started, id: last.id } : undefined,
  }
}

function readBatch(db: Kysely<Tables>, since: number, place: Place | undefined) {
  return db
    .selectFrom('request')
    .selectAll()
    .where('started', '>=', BigInt(Math.ceil(since)))
    .where(after(place, 'started', 'oldest first') ?? sql<boolean>`1 = 1`)
    .orderBy('started')
    .orderBy('id')
    .limit(batchSize)
    .execute()
}

type Change = { readonly row: RequestRow } & Pick<RequestRow, 'costNanoUsd' | 'priceVersion'>

async function writeChanges(engine: SqlEngine, writing: Writing, changes: readonly Change[]): Promise<void> {
  if (changes.length === 0) return
  const rows = changes.map(({ row, costNanoUsd, priceVersion }) => ({
    id: row.id,
    started: row.started,
    cost_nano_usd: costNanoUsd === undefined ? null : String(costNanoUsd),
    price_version: priceVersion,
  }))
  await engine.updateAll(writing, 'request', ['id', 'started'], rows)
  const differences = changes.map(({ row, costNanoUsd }) => ({
    row,
    nanoUsd: (costNanoUsd ?? 0n) - (row.costNanoUsd ?? 0n),
    unpriced: Number(costNanoUsd === undefined) - Number(row.costNanoUsd === undefined),
  }))
  await addToSums(
    engine,
    writing,
    differences.map(({ row, nanoUsd, unpriced }) => ({
      started: row.started,
      dimensions: dimensionsOf(columnsOf(row)),
      sums: { cost_nano_usd: nanoUsd, unpriced },
      buckets: [],
    })),
  )
  await chargeAccounts(
    engine,
    writing,
    differences.map(({ row, nanoUsd }) => ({ accountId: row.accountId, nanoUsd, requests: 0 })),
  )
}

function columnsOf(row: RequestRow): Readonly<Record<Dimension, string>> {
  const { accountId: account_id, keyId: key_id, provider, model, alias, operation, dialect, status } = row
  return { account_id, key_id, provider, model, alias, operation, dialect, status }
}
