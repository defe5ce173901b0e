/**
 * Measures usage queries over ten million calls of thirty days, in two hundred combinations, on SQLite and on a real PostgreSQL, beside
 * a scan of the same rows in the same run, and checks that both say the same. The sums are written by the code that writes them in
 * operation; the rows by SQL, with the same numbers. Takes some minutes and, for each engine in turn, about 5 GB in the temporary folder.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { UsageDimension } from '../../src/gen/switchyard/v1/usage_pb.ts'
import { usage } from '../../src/model/usage.ts'
import type { Store } from '../../src/store/contract.ts'
import { openStore } from '../../src/store/open.ts'
import { PostgresEngine } from '../../src/store/postgres/engine.ts'
import { clientConfig, Pool } from '../../src/store/postgres/pool.ts'
import type { SqlEngine } from '../../src/store/sql/engine.ts'
import { transact } from '../../src/store/sql/faults.ts'
import { type RequestRecord, writeRequest } from '../../src/store/sql/request-row.ts'
import { dimensions } from '../../src/store/sql/sum-columns.ts'
import { type Addend, addendsOf as addendsOfRows, addToSums } from '../../src/store/sql/sums.ts'
import type { Tables } from '../../src/store/sql/tables.ts'
import { SqliteEngine } from '../../src/store/sqlite/engine.ts'
import { startPostgres } from '../services/postgres.ts'
import { requestRow } from '../suites/store/rows.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    engine: { type: 'string' },
    rounds: { type: 'string', default: '9' },
  },
})
const rows = Number(values.rows)
const rounds = Number(values.rounds)
const hour = 3_600_000
const day = 24 * hour
const days = 30
const start = Date.UTC(2026, 9, 1)
/** Milliseconds from one call to the next. */
const step = Math.floor((days * day) / rows)

/** Two hundred combinations: 25 keys of 5 accounts, 4 models, and 2 ways to end. */
const kinds = Array.from({ length: 200 }, (_, index) => ({
  account_id: `account-${index % 5}`,
  key_id: `key-${index % 25}`,
  provider: `provider-${Math.floor(index / 25) % 2}`,
  model: `model-${Math.floor(index / 25) % 4}`,
  alias: `alias-${Math.floor(index / 25) % 4}`,
  operation: 'chat',
  dialect: 'openai',
  status: index < 100 ? ('ok' as const) : ('error' as const),
}))

/** A prime number of calls to take the numbers from, with durations as they are: some ten times longer than the usual one. */
const samples: readonly RequestRecord[] = Array.from({ length: 997 }, (_, index) => {
  const spread = Math.sqrt(-2 * Math.log((index + 1) / 998)) * Math.cos(index)
  const first = Math.exp(5.5 + 0.6 * spread)
  return writeRequest(
    requestRow({
      id: '',
      usage: usage({ inputTokens: 200 + index * 3, outputTokens: 50 + index, cacheReadTokens: index }),
      costNanoUsd: BigInt(index * 1_000_003),
      timeToFirstEvent: first,
      duration: first + Math.exp(6.5 + 0.9 * spread),
    }),
  )
})
const kindOf = (index: number): number => (index * 7) % kinds.length
const sampleOf = (index: number): number => index % samples.length

const print = (text: string): void => void process.stdout.write(`${text}\n`)

interface Sum {
  readonly sums: Record<string, bigint | number>
  readonly buckets: Map<string, number>
}

/** What the calls of one hour add, by kind. */
function addendsOf(from: number, to: number): readonly Addend[] {
  const byKind = new Map<number, Sum>()
  for (let index = from; index < to; index += 1) {
    const kind = kindOf(index)
    const all: Sum = byKind.get(kind) ?? { sums: {}, buckets: new Map() }
    byKind.set(kind, all)
    const { sums, buckets } = addends[sampleOf(index)] ?? nothing
    for (const [column, more] of Object.entries(sums)) {
      const before = all.sums[column]
      all.sums[column] = typeof more === 'bigint' ? BigInt(before ?? 0) + more : Number(before ?? 0) + more
    }
    for (const { metric, bucket } of buckets) {
      const name = `${metric} ${bucket}`
      all.buckets.set(name, (all.buckets.get(name) ?? 0) + 1)
    }
  }
  return [...byKind].map(([kind, { sums, buckets }]) => {
    const names = kinds[kind]
    if (names === undefined) throw new Error('there is no such kind')
    const errors = names.status === 'error' ? Number(sums['requests']) : 0
    return {
      started: start + from * step,
      dimensions: names,
      sums: { ...sums, errors },
      buckets: [...buckets].map(([name, calls]) => {
        const [metric = 0, bucket = 0] = name.split(' ').map(Number)
        return { metric, bucket, calls }
      }),
    }
  })
}
const nothing: Pick<Addend, 'sums' | 'buckets'> = { sums: {}, buckets: [] }
const addends = samples.flatMap((sample) => addendsOfRows([sample]))

async function fillSums(engine: SqlEngine): Promise<void> {
  for (let from = 0; from < rows;) {
    const nextHour = Math.ceil((Math.floor((from * step) / hour + 1) * hour) / step)
    const to = Math.min(nextHour, rows)
    const more = addendsOf(from, to)
    await transact(engine, (writing) => addToSums(engine, writing, more))
    from = to
  }
}

/** The columns of a row that come from its kind and its number; the others come from its sample. */
const own: ReadonlySet<string> = new Set(['id', 'started', ...dimensions])

async function fillRows(engine: SqlEngine): Promise<void> {
  const columns = Object.keys(samples[0] ?? {})
  const rest = columns.filter((column) => !own.has(column))
  await engine.writer.connection().execute(async (db) => {
    await sql`create table bench_kind as select 0 as number, ${sql.join(dimensions.map((column) => sql`${sql.ref(column)}`))}
      from request where 1 = 0`.execute(db)
    await sql`create table bench_sample as select 0 as number, ${sql.join(rest.map((column) => sql.ref(column)))}
      from request where 1 = 0`.execute(db)
  })
  await transact(engine, async (writing) => {
    const numberedKinds = kinds.map((kind, number) => ({ number, ...kind }))
    const numberedSamples = samples.map((sample, number) => ({
      number,
      ...Object.fromEntries(rest.map((column) => [column, sample[column as keyof RequestRecord]])),
    }))
    await engine.insertAll(writing, 'bench_kind' as keyof Tables, numberedKinds, sql``)
    await engine.insertAll(writing, 'bench_sample' as keyof Tables, numberedSamples, sql``)
  })
  await sql`create index bench_kind_number on bench_kind (number)`.execute(engine.writer)
  await sql`create index bench_sample_number on bench_sample (number)`.execute(engine.writer)
  await engine.prepareFor(
    Array.from({ length: days + 1 }, (_, index) => start + index * day),
    false,
  )
  const perDay = Math.ceil(day / step)
  const target = ['id', 'started', ...dimensions, ...rest]
  for (let from = 0; from < rows; from += perDay) {
    const to = Math.min(from + perDay, rows)
    const source = sql`
      select ${idOf[engine.name]}, ${sql.lit(start)} + n * ${sql.lit(step)},
        ${sql.join([...dimensions, ...rest].map((column) => sql.ref(column)))}
      from ${numbers[engine.name](from, to)} cross join bench_kind cross join bench_sample
      where bench_kind.number = (n * 7) % ${sql.lit(kinds.length)} and bench_sample.number = n % ${sql.lit(samples.length)}`
    await sql`insert into request (${sql.join(target.map((column) => sql.ref(column)))}) ${source}`.execute(
      engine.writer,
    )
  }
  await sql`analyze`.execute(engine.writer)
}

const idOf = {
  sqlite: sql`printf('row-%012d', n)`,
  postgres: sql`'row-' || lpad(n::text, 12, '0')`,
} as const
const numbers: Record<SqlEngine['name'], (from: number, to: number) => RawBuilder<unknown>> = {
  sqlite: (from, to) => sql`(with recursive numbers(n) as (
    select ${sql.lit(from)} union all select n + 1 from numbers where n + 1 < ${sql.lit(to)}) select n from numbers)`,
  postgres: (from, to) => sql`generate_series(${sql.lit(from)}::bigint, ${sql.lit(to - 1)}::bigint) as n`,
}

const { DAY, HOUR, MODEL, PROVIDER, KEY, STATUS } = UsageDimension
const all = { since: start, until: start + days * day }
const queries = [
  { name: '30 days, by day', filter: all, groupBy: [DAY], scope: 'all', aim: 200 },
  {
    name: '30 days, by day, provider and model',
    filter: all,
    groupBy: [DAY, PROVIDER, MODEL],
    scope: 'all',
    aim: undefined,
  },
  { name: '30 days, by day, one account of five', filter: all, groupBy: [DAY], scope: ['account-3'], aim: 200 },
  { name: '30 days, by key and status', filter: all, groupBy: [KEY, STATUS], scope: 'all', aim: undefined },
  {
    name: '29 days and pieces of hours, by day',
    filter: { since: start + 10 * hour + 1_043_000, until: start + 29 * day + 21 * hour + 2_000_500 },
    groupBy: [DAY],
    scope: 'all',
    aim: 200,
  },
  {
    name: '2 days, by hour',
    filter: { since: start + day, until: start + 3 * day },
    groupBy: [HOUR],
    scope: 'all',
    aim: undefined,
  },
] as const

function median(numbers_: readonly number[]): number {
  return numbers_.toSorted((a, b) => a - b)[Math.floor(numbers_.length / 2)] ?? Number.NaN
}

async function measure(store: Store, engine: SqlEngine): Promise<void> {
  const seconds = async (work: () => Promise<void>): Promise<string> => {
    const began = performance.now()
    await work()
    return ((performance.now() - began) / 1000).toFixed(0)
  }
  print(`\n${engine.name}: ${rows.toLocaleString('en')} calls`)
  print(
    `  filling the sums took ${await seconds(() => fillSums(engine))} s, the rows ${await seconds(() => fillRows(engine))} s`,
  )
  const scan = await scanRows(engine.reader)
  const { total, groups } = await store.ledger.usage(all, [DAY], 'all')
  const same = total.requests === scan.requests && total.costNanoUsd === scan.cost && groups.length === scan.days
  print(
    `  a scan of the rows, by day: ${scan.ms.toFixed(0)} ms; ${same ? 'both say the same' : 'THEY DO NOT SAY THE SAME'}`,
  )
  if (!same) process.exitCode = 1
  for (const { name, filter, groupBy, scope, aim } of queries) {
    const times: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      const began = performance.now()
      await store.ledger.usage(filter, groupBy, scope)
      times.push(performance.now() - began)
    }
    const found = median(times)
    const verdict = aim === undefined ? '' : `, aim ${aim} ms: ${found < aim ? 'met' : 'MISSED'}`
    print(`  ${name}: median ${found.toFixed(1)} ms, least ${Math.min(...times).toFixed(1)} ms${verdict}`)
    if (aim !== undefined && found >= aim) process.exitCode = 1
  }
}

async function scanRows(db: Kysely<Tables>) {
  const began = performance.now()
  const found = await sql<{ requests: bigint; cost: bigint }>`
    select started / ${sql.lit(day)} as day, count(*) as requests, cast(sum(cost_nano_usd) as bigint) as cost,
      cast(sum(input_tokens) as bigint) as input, cast(sum(output_tokens) as bigint) as output, sum(duration) as duration
    from request where started >= ${all.since} and started < ${all.until}
    group by started / ${sql.lit(day)}`.execute(db)
  return {
    ms: performance.now() - began,
    days: found.rows.length,
    requests: found.rows.reduce((sum, row) => sum + row.requests, 0n),
    cost: found.rows.reduce((sum, row) => sum + row.cost, 0n),
  }
}

async function onSqlite(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-usage-'))
  const path = join(folder, 'switchyard.db')
  const store = await openStore(path)
  const engine = new SqliteEngine(path)
  try {
    await measure(store, engine)
  } finally {
    await store.close()
    await engine.close()
    rmSync(folder, { recursive: true })
  }
}

async function onPostgres(): Promise<void> {
  const postgres = await startPostgres()
  const url = await postgres.database()
  const store = await openStore(url)
  const patience = { connectMs: 5000, statementMs: 3_600_000, idleMs: 3_600_000 }
  const engine = new PostgresEngine(new Pool(clientConfig(url, patience), 2), new Pool(clientConfig(url, patience), 1))
  try {
    await measure(store, engine)
  } finally {
    await store.close()
    await engine.writer.destroy()
    await postgres.end()
  }
}

if (values.engine !== 'postgres') await onSqlite()
if (values.engine !== 'sqlite') await onPostgres()
