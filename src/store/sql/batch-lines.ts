import { sql } from 'kysely'
import type { BatchStore, ClaimedLine, ClaimLimits, Completion, LineClaim, UsageSums } from '../contract.ts'
import { appendIn, transactLedger } from './append.ts'
import { addedUsage, type LineColumns, readLine } from './batch-row.ts'
import type { Sql, Writing } from './engine.ts'
import { transact } from './faults.ts'
import { usageFields } from './usage-fields.ts'

/** What is done with single lines. */
type Lines = Pick<BatchStore, 'claim' | 'renew' | 'release' | 'complete' | 'lines'>

/** Batches that are looked at when lines are taken. */
const mostBatches = 100

/** Work on the lines of batches, on either engine. */
export function batchLines(store: Sql): Lines {
  const { engine, skipped } = store
  return {
    async claim(owner, now, leaseMs, limits) {
      const at = engine.shared(now)
      const lease: Lease = { owner, now: at, until: at + leaseMs, perBatch: limits.perBatch }
      return await claimFairly(await batchesWithLines(store, lease.now), limits, (id, most) =>
        claimOf(store, id, most, lease),
      )
    },

    async renew(claims, until) {
      if (claims.length === 0) return []
      const wanted = claims.map(
        ({ batchId, line, fence }) => sql`(${batchId}, cast(${line} as bigint), cast(${fence} as bigint))`,
      )
      const { rows } = await sql<{ batch_id: string; line: bigint; fence: bigint }>`
        update batch_line set lease_until = ${engine.shared(until)}
        where state = 'running' and (batch_id, line, fence) in (values ${sql.join(wanted)})
        returning batch_id, line, fence`.execute(engine.writer)
      return rows.map(({ batch_id: batchId, line, fence }) => ({ batchId, line: Number(line), fence: Number(fence) }))
    },

    async release({ batchId, line, fence }, from, tried) {
      const { numAffectedRows } = await sql`
        update batch_line set state = 'pending', owner = '', lease_until = 0, due = ${engine.shared(from)}, tries = tries + ${Number(tried)}
        where batch_id = ${batchId} and line = ${line} and fence = ${fence} and state = 'running'`.execute(
        engine.writer,
      )
      return numAffectedRows === 1n
    },

    complete: (completions, now) => complete(store, completions, Math.trunc(now)),

    async lines(id, after, most, state) {
      const wanted = sql`batch_id = ${id} and line > ${after} and ${state === undefined ? sql`1 = 1` : sql`state = ${state}`}`
      const { rows } = await sql<LineColumns>`
        with page as (
          select line, coalesce(octet_length(answer), 0) as size from batch_line where ${wanted} order by line limit ${most}),
        sums as (select line, sum(size) over (order by line) - size as before from page)
        select batch_id, line, custom_id, state, http_status, request_id, answer, dropped, problem_code, problem_message, usage
        from batch_line where ${wanted} and line <= (select max(line) from sums where before < ${sql.lit(bytesAtOnce)})
        order by line`.execute(engine.reader)
      return rows.map((row) => readLine(row, skipped))
    },
  }
}

/** Bytes of answers after which no more lines are read at once. */
const bytesAtOnce = 16 * 1024 * 1024

// ---- taking lines

interface Candidate {
  readonly id: string
  readonly accountId: string
}

/** What lines are taken on. */
interface Lease {
  readonly owner: string
  readonly now: number
  readonly until: number
  readonly perBatch: number
}

/** Batches that have lines to take: first one of each account, then the second of each; those whose turn was longest ago first. */
async function batchesWithLines({ engine }: Sql, now: number): Promise<readonly Candidate[]> {
  const { rows } = await sql<{ id: string; account_id: string }>`
    select id, account_id from (
      select id, account_id, turn,
        row_number() over (partition by account_id order by turn, created, id) as place,
        max(turn) over (partition by account_id) as latest
      from batch
      where finished is null and status = 'in_progress' and expires > ${now} and (
        exists (select 1 from batch_line
          where batch_id = batch.id and state = 'pending' and due <= ${now})
        or exists (select 1 from batch_line
          where batch_id = batch.id and state = 'running' and lease_until <= ${now}))
    ) as open order by place, latest, turn, id limit ${sql.lit(mostBatches)}`.execute(engine.reader)
  return rows.map(({ id, account_id: accountId }) => ({ id, accountId }))
}

/** Takes equal parts of the accounts' batches, and then what is left to take of any. */
async function claimFairly(
  candidates: readonly Candidate[],
  { lines }: ClaimLimits,
  take: (id: string, most: number) => Promise<readonly ClaimedLine[]>,
): Promise<readonly ClaimedLine[]> {
  const accounts = new Set(candidates.map(({ accountId }) => accountId)).size
  const part = Math.ceil(lines / Math.max(1, accounts))
  const taken: ClaimedLine[] = []
  for (const most of [part, lines]) {
    for (const { id } of candidates) {
      if (taken.length >= lines) return taken
      taken.push(...(await take(id, Math.min(most, lines - taken.length))))
    }
    if (part === lines) break
  }
  return taken
}

interface TakenLine {
  readonly line: bigint
  readonly custom_id: string
  readonly method: string
  readonly url: string
  readonly body: string
  readonly fence: bigint
  readonly tries: bigint
}

/** Takes lines of one batch, which is kept from others meanwhile so that they cannot take more of it than may be on lease. */
async function claimOf({ engine }: Sql, id: string, most: number, lease: Lease): Promise<readonly ClaimedLine[]> {
  const { owner, now, until, perBatch } = lease
  return await transact(engine, async (writing) => {
    const { rows: batches } = await sql<{ account_id: string; key_id: string; expires: bigint }>`
      select account_id, key_id, expires from batch
      where id = ${id} and status = 'in_progress' and expires > ${now} ${engine.keepRows.waiting}`.execute(writing)
    const [batch] = batches
    if (batch === undefined) return []
    const { rows: counts } = await sql<{ running: bigint }>`
      select count(*) as running from batch_line
      where batch_id = ${id} and state = 'running' and lease_until > ${now}`.execute(writing)
    const room = Math.min(most, perBatch - Number(counts[0]?.running ?? 0n))
    if (room <= 0) return []
    const taken: TakenLine[] = []
    for (const free of [sql`state = 'running' and lease_until <= ${now}`, sql`state = 'pending' and due <= ${now}`]) {
      if (taken.length >= room) break
      const { rows } = await sql<TakenLine>`
        with picked as materialized (
          select line from batch_line where batch_id = ${id} and ${free}
          order by line limit ${room - taken.length} ${engine.keepRows.skipping})
        update batch_line set state = 'running', owner = ${owner}, lease_until = ${until}, fence = fence + 1
        where batch_id = ${id} and line in (select line from picked)
        returning line, custom_id, method, url, body, fence, tries`.execute(writing)
      taken.push(...rows)
    }
    if (taken.length > 0) await sql`update batch set turn = ${now} where id = ${id}`.execute(writing)
    const about = { accountId: batch.account_id, keyId: batch.key_id, expires: Number(batch.expires) }
    return taken
      .map(({ line, custom_id: customId, method, url, body, fence, tries }) => ({
        batchId: id,
        line: Number(line),
        fence: Number(fence),
        tries: Number(tries),
        customId,
        method,
        url,
        body,
        batch: about,
      }))
      .toSorted((one, other) => one.line - other.line)
  })
}

// ---- what came of them

/** The ledger first, then lines, then batches: everybody keeps rows in that order, or leaves out what others keep. */
async function complete({ engine }: Sql, completions: readonly Completion[], now: number): Promise<readonly boolean[]> {
  const inOrder = completions.toSorted((one, other) => compare(one.claim, other.claim))
  const rowsOf = (list: readonly Completion[]) => list.flatMap(({ request }) => request ?? [])
  return await transactLedger(engine, rowsOf(completions), async (writing) => {
    const written = new Map<Completion, Written>()
    for (const completion of inOrder) written.set(completion, await writeOutcome(writing, completion))
    const fresh = inOrder.filter((completion) => written.get(completion) === 'now')
    const content = fresh.flatMap((completion) => completion.content ?? [])
    await appendIn(engine, writing, rowsOf(fresh), content)
    const byBatch = Map.groupBy(fresh, ({ claim }) => claim.batchId)
    for (const [id, some] of byBatch) await addToBatch(writing, id, some, now)
    return completions.map((completion) => written.get(completion) !== 'never')
  })
}

/** Whether the outcome of a line is written, was written before, or is another's to write. */
type Written = 'now' | 'before' | 'never'

function compare(one: LineClaim, other: LineClaim): number {
  if (one.batchId !== other.batchId) return one.batchId < other.batchId ? -1 : 1
  return one.line - other.line
}

async function writeOutcome(writing: Writing, { claim, outcome, request }: Completion): Promise<Written> {
  const { batchId, line, fence } = claim
  const isAnswer = 'httpStatus' in outcome
  const { numUpdatedRows } = await writing
    .updateTable('batch_line')
    .set({
      state: isDone(outcome) ? 'done' : 'failed',
      http_status: isAnswer ? outcome.httpStatus : null,
      request_id: isAnswer ? storable(outcome.requestId) : '',
      answer: isAnswer ? storable(outcome.body) : null,
      dropped: isAnswer ? JSON.stringify(fitting(outcome.dropped)) : '[]',
      problem_code: isAnswer ? '' : storable(outcome.code),
      problem_message: isAnswer ? '' : storable(outcome.message),
      usage: JSON.stringify(addedUsage(request?.usage)),
    })
    .where('batch_id', '=', batchId)
    .where('line', '=', BigInt(line))
    .where('fence', '=', BigInt(fence))
    .where('state', '=', 'running')
    .executeTakeFirst()
  if (numUpdatedRows === 1n) return 'now'
  // What was committed without anybody being told so.
  const { rows } = await sql`
    select 1 from batch_line where batch_id = ${batchId} and line = ${line} and fence = ${fence} and problem_code = ${isAnswer ? '' : storable(outcome.code)}
      and state in ('done', 'failed') and request_id = ${isAnswer ? storable(outcome.requestId) : ''}`.execute(writing)
  return rows.length > 0 ? 'before' : 'never'
}

/** Whether a line was answered well. */
function isDone(outcome: Completion['outcome']): boolean {
  return 'httpStatus' in outcome && outcome.httpStatus >= 200 && outcome.httpStatus < 300
}

/** Most characters of the names of what an answer does without. */
const mostDropped = 64 * 1024

/** As many of the paths as are read back: a client may make any number of them. */
function fitting(paths: readonly string[]): readonly string[] {
  let length = 0
  const end = paths.findIndex((path) => (length += path.length) > mostDropped)
  return end < 0 ? paths : paths.slice(0, end)
}

/** What no database refuses. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

async function addToBatch(
  writing: Writing,
  id: string,
  completions: readonly Completion[],
  now: number,
): Promise<void> {
  const done = completions.filter(({ outcome }) => isDone(outcome)).length
  const failed = completions.length - done
  const usages = completions.map(({ request }) => addedUsage(request?.usage))
  const sum = (field: keyof UsageSums): number => usages.reduce((total, usage) => total + (usage[field] ?? 0), 0)
  const added = [...usageFields, ['estimatedRequests', 'estimated_requests'] as const]
    .map(([field, column]) => ({ column, count: sum(field) }))
    .filter(({ count }) => count !== 0)
    .map(({ column, count }) => sql`, ${sql.ref(column)} = ${sql.ref(column)} + ${count}`)
  const isLast = sql`status = 'in_progress' and completed + failed + ${sql.lit(completions.length)} >= total`
  await sql`update batch set completed = completed + ${done}, failed = failed + ${failed} ${sql.join(added, sql``)},
      finalizing = case when ${isLast} then ${sql.lit(now)} else finalizing end,
      status = case when ${isLast} then 'finalizing' else status end
    where id = ${id}`.execute(writing)
}
