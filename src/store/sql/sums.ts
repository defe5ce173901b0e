import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { NewRow, SqlEngine, Writing } from './engine.ts'
import { blockColumns, blockSize } from './histogram-blocks.ts'
import type { RequestRecord } from './request-row.ts'
import type { Tables } from './tables.ts'
import { type Dimension, dimensions, metrics, spans, type Summed, summed, type SumTables } from './sum-columns.ts'
import { usageFields } from './usage-fields.ts'

/*
 * Sums over the request log, one row for each combination of what calls can be asked for by and each hour, and again for each day. They
 * are written in the transaction that takes the rows in, so they are always right, and outlive the rows.
 */

/** What a call adds to the sums of its hour and day, or a change of its cost does, or several calls of one combination together. */
export interface Addend {
  readonly started: number
  readonly dimensions: Readonly<Record<Dimension, string>>
  readonly sums: Partial<Record<Summed, number | bigint>>
  /** Buckets that count so many calls more. */
  readonly buckets: readonly Filling[]
}

/** Calls that fall into a bucket of a histogram. */
export interface Filling {
  readonly metric: number
  readonly bucket: number
  readonly calls: number
}

/**
 * What sums keep a call apart by. A name that led to no provider is left out: anybody can ask for any name, and what is summed is kept
 * for good.
 */
export function dimensionsOf(call: Readonly<Record<Dimension, string>>): Readonly<Record<Dimension, string>> {
  return call.provider === '' ? { ...call, alias: '' } : call
}

/** What rows of the request log add: those of one combination and hour together. */
export function addendsOf(records: readonly RequestRecord[]): readonly Addend[] {
  const together = new Map<string, Together>()
  for (const record of records) {
    const started = record.started - (record.started % spans.hour.spanMs)
    const named = dimensionsOf(record)
    const key = orderKey(started, nameOf(named))
    const all = together.get(key) ?? nothingOf(started, named)
    together.set(key, all)
    count(record, all)
  }
  return [...together.values()].map(({ filled, ...all }) => ({ ...all, buckets: filled.flatMap(fillings) }))
}

interface Together extends Omit<Addend, 'buckets'> {
  readonly sums: Record<Exclude<Summed, 'cost_nano_usd'>, number> & { cost_nano_usd: bigint }
  /** For each metric, calls by bucket. */
  readonly filled: readonly [duration: Map<number, number>, firstEvent: Map<number, number>]
}

function nothingOf(started: number, named: Addend['dimensions']): Together {
  return { started, dimensions: named, sums: { ...nothingYet, cost_nano_usd: 0n }, filled: [new Map(), new Map()] }
}

/** Adds a call to those it is counted with. Once for every call, on the thread that serves them. */
function count(record: RequestRecord, { sums, filled }: Together): void {
  const { duration, time_to_first_event: firstEvent, cost_nano_usd: cost } = record
  for (const column of usageNames) if (record[column] !== 0) sums[column] += record[column]
  sums.requests += 1
  if (record.status === 'error') sums.errors += 1
  sums.estimated += record.estimated
  if (cost === null) sums.unpriced += 1
  else sums.cost_nano_usd += BigInt(cost)
  sums.duration_us += Math.round(duration * 1000)
  fill(filled[metrics.duration], record.duration_bucket)
  if (firstEvent === null) return
  sums.first_events += 1
  sums.first_event_us += Math.round(firstEvent * 1000)
  fill(filled[metrics.firstEvent], record.first_event_bucket ?? 0)
}

function fill(buckets: Map<number, number>, bucket: number): void {
  buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1)
}

function fillings(buckets: ReadonlyMap<number, number>, metric: number): readonly Filling[] {
  return [...buckets].map(([bucket, calls]) => ({ metric, bucket, calls }))
}

const usageNames = usageFields.map(([, column]) => column)

/** Adds to the sums of hours and days. Rows are written in one order by everybody, so that nobody waits in a circle. */
export async function addToSums(engine: SqlEngine, writing: Writing, addends: readonly Addend[]): Promise<void> {
  if (addends.length === 0) return
  const named = nameCombinations(addends)
  await writeCombinations(engine, writing, named)
  for (const span of Object.values(spans)) {
    await upsert(engine, writing, span.sums, ['start', 'combination'], summed, sumRows(span, named))
    const histogramKey = ['start', 'metric', 'block', 'combination']
    await upsert(engine, writing, span.histograms, histogramKey, blockColumns, histogramRows(span, named))
  }
}

interface Named {
  readonly addend: Addend
  /** The combination's id, as a decimal number of 63 bits. */
  readonly combination: string
}

/** An id that everybody gives to the same combination, without asking: the beginning of a hash. */
function nameCombinations(addends: readonly Addend[]): readonly Named[] {
  const names = new Map<string, string>()
  return addends.map((addend) => {
    const key = nameOf(addend.dimensions)
    const combination = names.get(key) ?? String(createHash('sha256').update(key).digest().readBigUInt64BE() >> 1n)
    names.set(key, combination)
    return { addend, combination }
  })
}

function nameOf(call: Addend['dimensions']): string {
  return dimensions.map((dimension) => call[dimension]).join('\0')
}

async function writeCombinations(engine: SqlEngine, writing: Writing, named: readonly Named[]): Promise<void> {
  const rows = new Map(
    named.map(({ combination, addend }) => {
      const values = dimensions.map((dimension) => [dimension, addend.dimensions[dimension]])
      return [combination, { id: combination, ...Object.fromEntries(values) }]
    }),
  )
  await engine.insertAll(writing, 'usage_combination', inOrder(rows), sql`on conflict do nothing`)
}

function sumRows({ spanMs }: SumTables, named: readonly Named[]): readonly NewRow[] {
  const rows = new Map<string, Record<string, number | bigint | string>>()
  for (const { addend, combination } of named) {
    const start = addend.started - (addend.started % spanMs)
    const key = orderKey(start, combination)
    const row = rows.get(key) ?? { start, combination, ...nothingYet }
    for (const column of summed) {
      const more = addend.sums[column] ?? 0
      const before = row[column] as number | bigint
      row[column] =
        typeof more === 'bigint' || typeof before === 'bigint' ? BigInt(before) + BigInt(more) : before + more
    }
    rows.set(key, row)
  }
  return inOrder(rows).map((row) => ({ ...row, cost_nano_usd: String(row['cost_nano_usd']) }))
}

const nothingYet = Object.fromEntries(summed.map((column) => [column, 0])) as Record<Summed, number>

function histogramRows({ spanMs }: SumTables, named: readonly Named[]): readonly NewRow[] {
  const rows = new Map<string, Record<string, number | string>>()
  for (const { addend, combination } of named) {
    const start = addend.started - (addend.started % spanMs)
    for (const { metric, bucket, calls } of addend.buckets) {
      const block = Math.floor(bucket / blockSize)
      const key = orderKey(start, metric, block, combination)
      const row = rows.get(key) ?? { start, metric, block, combination, ...emptyBlock }
      const column = `c${bucket % blockSize}`
      row[column] = Number(row[column]) + calls
      rows.set(key, row)
    }
  }
  return inOrder(rows)
}

const emptyBlock = Object.fromEntries(blockColumns.map((column) => [column, 0]))

function orderKey(...parts: readonly (number | string)[]): string {
  return parts.join(' ')
}

function inOrder<Row>(rows: ReadonlyMap<string, Row>): readonly Row[] {
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

/** Inserts rows, and adds their sums to those that are there already. */
async function upsert(
  engine: SqlEngine,
  writing: Writing,
  table: keyof Tables,
  key: readonly string[],
  sums: readonly string[],
  rows: readonly NewRow[],
): Promise<void> {
  const added = sums.map((column) => {
    const name = sql.ref(column)
    return sql`${name} = ${sql.table(table)}.${name} + excluded.${name}`
  })
  const ending = sql`on conflict (${sql.join(key.map((column) => sql.ref(column)))}) do update set ${sql.join(added)}`
  await engine.insertAll(writing, table, rows, ending)
}
