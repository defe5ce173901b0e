import { type Kysely, type RawBuilder, sql } from 'kysely'
import { fail } from '../../error/index.ts'
import { type Condition, every } from './conditions.ts'
import { blockColumns, blockSize } from './histogram-blocks.ts'
import { dimensions, metrics, spans, type SumTables, type Summed, summed } from './sum-columns.ts'
import type { Filling } from './sums.ts'
import type { Tables } from './tables.ts'
import { isSeconds } from './usage-fields.ts'
import type { Key, Question } from './usage-question.ts'
import type { Parts, Span } from './usage-range.ts'

/** Sums of one group in one part of the time. */
export type SumRow = Key & Readonly<Record<Summed, bigint | number>>

/** Buckets that calls of one group fell into, in one part of the time. */
export interface BucketRow {
  readonly key: Key
  readonly buckets: readonly Filling[]
}

/** Sums that one question may be answered from: each is an object in memory, and time of the thread that serves calls. */
const mostRows = 20_000

/** Where rows come from: a table that is called `part`, which of its rows count, and where it has its dimensions. */
interface Source {
  readonly from: RawBuilder<unknown>
  readonly where: Condition
  readonly dimensions: 'part' | 'usage_combination'
}

/** Reads the sums of every part of the time, one after the other. Throws `invalid_request` when they are too many. */
export async function readSums(db: Kysely<Tables>, question: Question, parts: Parts): Promise<readonly SumRow[]> {
  const values = summed.map((column) => sumOf(column, isSeconds(column)))
  let left = mostRows
  const read = async (source: Source): Promise<readonly SumRow[]> => {
    const { rows } = await sql<SumRow>`${select(source, question, [], values)} limit ${sql.lit(left + 1)}`.execute(db)
    left -= rows.length
    if (left < 0) throw tooManyGroups()
    return rows
  }
  const found: (readonly SumRow[])[] = []
  for (const source of sumsSources(question, parts, 'sums')) found.push(await read(source))
  for (const time of parts.rows) found.push(await read(rowsSource(question, time)))
  for (const time of parts.rowsLess) found.push((await read(rowsSource(question, time))).map(takenOff))
  return found.flat()
}

function tooManyGroups(): Error {
  const message = `more than ${mostRows} sums would have to be told apart: ask for a shorter time, fewer dimensions, or less by a filter`
  return fail('invalid_request', message, { param: 'group_by' })
}

/** Reads the histograms of every part of the time, one after the other. */
export async function readBuckets(db: Kysely<Tables>, question: Question, parts: Parts): Promise<readonly BucketRow[]> {
  const found: (readonly BucketRow[])[] = []
  const blocks = [sql`part.metric`, sql`part.block`]
  const counts = blockColumns.map((column) => sumOf(column, false))
  for (const source of sumsSources(question, parts, 'histograms')) {
    const { rows } = await select<BlockRow>(source, question, blocks, counts).execute(db)
    found.push(rows.map((row) => ({ key: row, buckets: bucketsOf(row) })))
  }
  const pair = [sql`part.duration_bucket`, sql`part.first_event_bucket`]
  const read = async (time: Span, sign: number): Promise<readonly BucketRow[]> => {
    const query = select<PairRow>(rowsSource(question, time), question, pair, [sql`count(*) as calls`])
    const { rows } = await query.execute(db)
    return rows.map((row) => ({ key: row, buckets: bucketsOfPair(row, sign) }))
  }
  for (const time of parts.rows) found.push(await read(time, 1))
  for (const time of parts.rowsLess) found.push(await read(time, -1))
  return found.flat()
}

/** The same sums below zero. */
function takenOff(row: SumRow): SumRow {
  const sums = Object.fromEntries(summed.map((column) => [column, -row[column]])) as Record<Summed, bigint | number>
  return { ...row, ...sums }
}

type PairRow = Key & {
  readonly duration_bucket: bigint
  readonly first_event_bucket: bigint | null
  readonly calls: bigint
}

function bucketsOfPair(
  { duration_bucket: duration, first_event_bucket: first, calls: count }: PairRow,
  sign: number,
): readonly Filling[] {
  const calls = sign * Number(count)
  const filling = { metric: metrics.duration, bucket: Number(duration), calls }
  return first === null ? [filling] : [filling, { metric: metrics.firstEvent, bucket: Number(first), calls }]
}

type BlockRow = Key & { readonly metric: bigint; readonly block: bigint } & Readonly<Record<string, bigint>>

function bucketsOf(row: BlockRow): readonly Filling[] {
  return blockColumns.flatMap((column, index) => {
    const calls = Number(row[column])
    const bucket = Number(row.block) * blockSize + index
    return calls === 0 ? [] : [{ metric: Number(row.metric), bucket, calls }]
  })
}

/** One for each span: two that are joined by "or" would be found by a list of keys first. */
function sumsSources(question: Question, { days, hours }: Parts, what: 'sums' | 'histograms'): readonly Source[] {
  return [
    ...days.map((time) => sumsSource(spans.day, what, question, time)),
    ...hours.map((time) => sumsSource(spans.hour, what, question, time)),
  ]
}

/** A table of sums, joined with the names of its combinations only where they are asked for. */
function sumsSource(tables: SumTables, what: 'sums' | 'histograms', question: Question, time: Span): Source {
  const joined = question.dimensions.length > 0
  return {
    // With its condition beside it, a cross join is an inner one in the order it is written, which SQLite then keeps.
    from: sql`${sql.table(tables[what])} as part${joined ? sql` cross join usage_combination` : sql``}`,
    where: every([
      joined ? sql<boolean>`usage_combination.id = part.combination` : undefined,
      within(sql`part.start`, time),
      question.condition &&
        sql<boolean>`part.combination in (select id from usage_combination where ${question.condition})`,
    ]),
    dimensions: 'usage_combination',
  }
}

/** What a row of the log adds to the sums, where that is not simply a column of it. */
const added: Readonly<Partial<Record<Summed, RawBuilder<unknown>>>> = {
  requests: sql`1`,
  errors: sql`case when status = 'error' then 1 else 0 end`,
  unpriced: sql`case when cost_nano_usd is null then 1 else 0 end`,
  cost_nano_usd: sql`coalesce(cost_nano_usd, 0)`,
  duration_us: sql`cast(round(duration * 1000) as bigint)`,
  first_events: sql`case when time_to_first_event is null then 0 else 1 end`,
  first_event_us: sql`cast(round(coalesce(time_to_first_event, 0) * 1000) as bigint)`,
}

/** The log itself, with what sums leave out left out, as if it were a table of sums of one call each. */
function rowsSource(question: Question, time: Span): Source {
  const values = summed.map((column) => sql`${added[column] ?? sql.ref(column)} as ${sql.ref(column)}`)
  const names = [...dimensions.filter((column) => column !== 'alias'), 'duration_bucket', 'first_event_bucket']
  const alias = sql`case when provider = '' then '' else alias end as alias`
  return {
    from: sql`(
      select started - started % ${sql.lit(spans.hour.spanMs)} as start, ${sql.join([...names.map((column) => sql.ref(column)), alias, ...values])}
      from request where ${within(sql`started`, time)}) as part`,
    where: every([question.condition]),
    dimensions: 'part',
  }
}

function select<Row>(
  source: Source,
  question: Question,
  moreKeys: readonly RawBuilder<unknown>[],
  values: readonly RawBuilder<unknown>[],
): RawBuilder<Row> {
  const keys = [
    ...(question.byTime ? [sql`part.start`] : []),
    ...question.dimensions.map((dimension) => sql.ref(`${source.dimensions}.${dimension}`)),
    ...moreKeys,
  ]
  const grouping = keys.length === 0 ? sql`having count(*) > 0` : sql`group by ${sql.join(keys)}`
  return sql<Row>`select ${sql.join([...keys, ...values])} from ${source.from} where ${source.where} ${grouping}`
}

/** Without the cast, PostgreSQL sums whole numbers to a type without bounds. */
function sumOf(column: string, real: boolean): RawBuilder<unknown> {
  const sum = sql`sum(part.${sql.ref(column)})`
  return sql`${real ? sum : sql`cast(${sum} as bigint)`} as ${sql.ref(column)}`
}

function within(column: RawBuilder<unknown>, { from, to }: Span): Condition {
  return every([
    Number.isFinite(from) ? sql<boolean>`${column} >= ${from}` : undefined,
    Number.isFinite(to) ? sql<boolean>`${column} < ${to}` : undefined,
  ])
}
