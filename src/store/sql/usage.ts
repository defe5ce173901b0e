import { setImmediate } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { Histogram } from '../../model/histogram.ts'
import type { LedgerStore, UsageGroup } from '../contract.ts'
import type { Sql } from './engine.ts'
import { metrics, type Summed, summed } from './sum-columns.ts'
import type { Tables } from './tables.ts'
import { isSeconds, readUsageFields } from './usage-fields.ts'
import type { Filling } from './sums.ts'
import { readBuckets, readSums, type SumRow } from './usage-queries.ts'
import { groupOf, type Key, type Question, questionOf } from './usage-question.ts'
import { split } from './usage-range.ts'

/**
 * Sums over calls, exact to the millisecond where their rows are kept and to the hour before that. Read from sums of days and hours, and
 * from rows only for what is left of an hour at either end.
 */
export async function usage(
  { engine }: Sql,
  ...[filter, groupBy, scope]: Parameters<LedgerStore['usage']>
): Promise<Awaited<ReturnType<LedgerStore['usage']>>> {
  const question = questionOf(engine, filter, groupBy, scope)
  const groups = new Groups(question)
  const total = new Sums([])
  const { sums, histograms } = await engine.snapshot(async (db) => {
    const parts = split(question.span, await keptSince(db), question.byHour)
    return { sums: await readSums(db, question, parts), histograms: await readBuckets(db, question, parts) }
  })
  // Others may have the connection meanwhile.
  await inTurns(sums, (row) => {
    groups.of(row).add(row)
    total.add(row)
  })
  await inTurns(histograms, ({ key, buckets }) => {
    groups.of(key).count(buckets)
    total.count(buckets)
  })
  return { total: total.answer(), groups: groupBy.length === 0 ? [] : groups.answers() }
}

/** Rows between which the thread that serves calls gets to do something else. */
const turn = 500

async function inTurns<Row>(rows: readonly Row[], take: (row: Row) => void): Promise<void> {
  for (const [index, row] of rows.entries()) {
    if (index % turn === turn - 1) await setImmediate()
    take(row)
  }
}

/** From when on rows are kept, in milliseconds since the epoch. */
async function keptSince(db: Kysely<Tables>): Promise<number> {
  const { since } = await db.selectFrom('request_kept').select('since').executeTakeFirstOrThrow()
  return Number(since)
}

class Groups {
  readonly #question: Question
  readonly #groups = new Map<string, Sums>()

  constructor(question: Question) {
    this.#question = question
  }

  of(key: Key): Sums {
    const group = groupOf(this.#question, key)
    const name = group.join('\0')
    const known = this.#groups.get(name) ?? new Sums(group)
    this.#groups.set(name, known)
    return known
  }

  answers(): readonly UsageGroup[] {
    const answers = [...this.#groups.values()].map((sums) => sums.answer())
    // A group may be there only because its calls beside the time asked for were counted and taken off again.
    return answers.filter(({ requests }) => requests > 0n).toSorted((a, b) => compare(a.group, b.group))
  }
}

function compare(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((value, index) => value !== b[index])
  return (a[at] ?? '') < (b[at] ?? '') ? -1 : 1
}

/** What is known of one group so far. */
class Sums {
  readonly #group: readonly string[]
  readonly #sums = Object.fromEntries(summed.map((column) => [column, 0n])) as Record<Summed, bigint | number>
  readonly #duration = new Histogram()
  readonly #firstEvent = new Histogram()

  constructor(group: readonly string[]) {
    this.#group = group
  }

  add(row: SumRow): void {
    for (const column of summed) {
      const more = row[column]
      const sum = this.#sums[column]
      this.#sums[column] = typeof more === 'bigint' && typeof sum === 'bigint' ? sum + more : Number(sum) + Number(more)
    }
    this.#duration.add(Number(row.duration_us), Number(row.requests))
    this.#firstEvent.add(Number(row.first_event_us), Number(row.first_events))
  }

  count(buckets: readonly Filling[]): void {
    for (const { metric, bucket, calls } of buckets)
      (metric === metrics.duration ? this.#duration : this.#firstEvent).count(bucket, calls)
  }

  answer(): UsageGroup {
    const sums = { ...this.#sums }
    // Adding and taking off real numbers leaves a rest of its own.
    for (const column of summed) if (isSeconds(column)) sums[column] = Math.round(Number(sums[column]) * 1e6) / 1e6
    const requests = BigInt(sums.requests)
    const unpriced = BigInt(sums.unpriced)
    return {
      group: this.#group,
      requests,
      errors: BigInt(sums.errors),
      usage: { ...readUsageFields(sums), estimatedRequests: Number(sums.estimated) },
      costNanoUsd: requests === unpriced ? undefined : BigInt(sums.cost_nano_usd),
      unpricedRequests: unpriced,
      duration: this.#duration.percentiles(),
      timeToFirstEvent: this.#firstEvent.percentiles(),
    }
  }
}
