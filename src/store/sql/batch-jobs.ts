import { type RawBuilder, type Selectable, sql } from 'kysely'
import { fail } from '../../error/index.ts'
import type { BatchStore, NewLine } from '../contract.ts'
import { readBatch } from './batch-row.ts'
import type { NewRow, Sql, Writing } from './engine.ts'
import { transact } from './faults.ts'
import type { BatchTable } from './tables.ts'

/** What is done with a batch as a whole. */
type Jobs = Pick<
  BatchStore,
  | 'claimJob'
  | 'renewJob'
  | 'addLines'
  | 'begin'
  | 'failBatch'
  | 'closeLines'
  | 'keepFiles'
  | 'clearLines'
  | 'finish'
  | 'forget'
>

/** Work on batches as a whole, on either engine. */
export function batchJobs({ engine, skipped }: Sql): Jobs {
  /** Does something with a batch that is kept from others meanwhile, if the fence is the current one. */
  const fenced = async <Result>(
    id: string,
    fence: number,
    work: (writing: Writing, status: string) => Promise<Result | undefined>,
  ): Promise<Result | undefined> =>
    await transact(engine, async (writing) => {
      const { rows } = await sql<{ status: string }>`
        select status from batch where id = ${id} and fence = ${fence} and finished is null
        ${engine.keepRows.waiting}`.execute(writing)
      return rows[0] === undefined ? undefined : await work(writing, rows[0].status)
    })

  const change = async (id: string, fence: number, status: readonly string[], set: RawBuilder<unknown>) => {
    const done = await fenced(id, fence, async (writing, now) => {
      if (!status.includes(now)) return undefined
      const { numAffectedRows } = await sql`update batch set ${set} where id = ${id}`.execute(writing)
      return numAffectedRows
    })
    return done === 1n
  }

  return {
    async claimJob(owner, now, leaseMs) {
      const at = engine.shared(now)
      const next = (lock: RawBuilder<unknown>) => sql<{ id: string }>`
        select id from batch
        where finished is null and lease_until <= ${at} and (status <> 'in_progress' or expires <= ${at})
        order by lease_until, created, id limit 1 ${lock}`
      // Mostly there is none, and nobody has to wait to see that.
      if ((await next(sql``).execute(engine.reader)).rows.length === 0) return undefined
      const taken = await transact(engine, async (writing) => {
        const { rows } = await next(engine.keepRows.skipping).execute(writing)
        if (rows[0] === undefined) return undefined
        const { rows: claimed } = await sql<Selectable<BatchTable>>`
          update batch set owner = ${owner}, lease_until = ${at + leaseMs}, fence = fence + 1,
            heading = case status when 'in_progress' then 'expired' else heading end,
            finalizing = case status when 'in_progress' then ${at} else finalizing end,
            status = case status when 'in_progress' then 'finalizing' else status end
          where id = ${rows[0].id} returning *`.execute(writing)
        return claimed[0]
      })
      if (taken === undefined) return undefined
      const batch = readBatch(taken, skipped)
      // It is on lease, and will be tried again when that is over.
      if (batch === undefined) throw fail('internal', 'a batch cannot be read')
      return { batch, fence: Number(taken.fence) }
    },

    renewJob: (id, fence, until) => change(id, fence, anyStatus, sql`lease_until = ${engine.shared(until)}`),

    async addLines(id, fence, lines) {
      const done = await fenced(id, fence, async (writing, status) => {
        if (status !== 'validating') return undefined
        const rows = lines.map((line) => writeLine(id, line))
        const ending = sql`on conflict do nothing returning state`
        const added = await engine.insertAll<{ state: string }>(writing, 'batch_line', rows, ending)
        const failed = added.filter(({ state }) => state === 'failed').length
        await sql`update batch set total = total + ${added.length}, failed = failed + ${failed} where id = ${id}`.execute(
          writing,
        )
        return true
      })
      return done === true
    },

    begin: (id, fence, now) =>
      change(
        id,
        fence,
        ['validating'],
        sql`lease_until = 0, began = ${Math.trunc(now)}, heading = 'completed',
          status = case when failed < total then 'in_progress' else 'finalizing' end,
          finalizing = case when failed < total then null else ${sql.lit(Math.trunc(now))} end`,
      ),

    async failBatch(id, fence, { code, message }, now) {
      // Some at a time: there may be more than one statement has the time for.
      for (;;) {
        const dropped = await fenced(id, fence, async (writing) => {
          const { rows } = await sql<{ state: string }>`
            delete from batch_line where batch_id = ${id} and line in (
              select line from batch_line where batch_id = ${id} order by line limit ${sql.lit(linesAtOnce)})
            returning state`.execute(writing)
          // Whoever reads the input again, should this not come to its end, counts them again.
          const failed = rows.filter(({ state }) => state === 'failed').length
          await sql`update batch set total = total - ${rows.length}, failed = failed - ${failed} where id = ${id}`.execute(
            writing,
          )
          return rows.length
        })
        if (dropped === undefined) return false
        if (dropped === 0) break
      }
      const done = await fenced(id, fence, async (writing) => {
        await sql`update batch set status = 'failed', finished = ${Math.trunc(now)}, lease_until = 0, total = 0, failed = 0,
          problem_code = ${code}, problem_message = ${message} where id = ${id}`.execute(writing)
        return true
      })
      return done === true
    },

    closeLines: (id, fence, { code, message }, now, most) =>
      fenced(id, fence, async (writing) => {
        let closed = 0
        for (const open of [sql`state = 'pending'`, sql`state = 'running' and lease_until <= ${engine.shared(now)}`]) {
          const { numAffectedRows = 0n } = await sql`
            with picked as materialized (
              select line from batch_line where batch_id = ${id} and ${open}
              order by line limit ${most - closed} ${engine.keepRows.skipping})
            update batch_line set state = 'failed', problem_code = ${code}, problem_message = ${message}, fence = fence + 1
            where batch_id = ${id} and line in (select line from picked)`.execute(writing)
          closed += Number(numAffectedRows)
        }
        const { rows } = await sql<{ running: bigint }>`
          select count(*) as running from batch_line where batch_id = ${id} and state = 'running'`.execute(writing)
        await sql`update batch set failed = failed + ${closed} where id = ${id}`.execute(writing)
        return { closed, running: Number(rows[0]?.running ?? 0n) }
      }),

    keepFiles: (id, fence, { outputFileId, errorFileId }, { code, message } = { code: '', message: '' }) =>
      change(
        id,
        fence,
        ending,
        sql`output_file_id = ${outputFileId}, error_file_id = ${errorFileId}, problem_code = ${code}, problem_message = ${message}`,
      ),

    clearLines: (id, fence, after, most) =>
      fenced(id, fence, async (writing) => {
        const { rows } = await sql<{ line: bigint }>`
          update batch_line set body = '', answer = null where batch_id = ${id} and line in (
            select line from batch_line where batch_id = ${id} and line > ${after} order by line limit ${most})
          returning line`.execute(writing)
        return rows.reduce((last, { line }) => Math.max(last, Number(line)), after)
      }),

    async finish(id, fence, now) {
      const done = await fenced(id, fence, async (writing) => {
        const { numAffectedRows } = await sql`
          update batch set status = heading, finished = ${Math.trunc(now)}, lease_until = 0
          where id = ${id} and status in ('finalizing', 'cancelling') and completed + failed = total`.execute(writing)
        return numAffectedRows
      })
      return done === 1n
    },

    async forget(before, most) {
      return await transact(engine, async (writing) => {
        const over = sql`select id from batch where finished < ${Math.trunc(before)}`
        const { numAffectedRows: lines = 0n } = await sql`
          delete from batch_line where (batch_id, line) in (
            select batch_id, line from batch_line where batch_id in (${over}) limit ${most})`.execute(writing)
        const { numAffectedRows: gone = 0n } = await sql`
          delete from batch where id in (${over} and not exists (
            select 1 from batch_line where batch_id = batch.id) limit ${most})`.execute(writing)
        return Number(lines + gone)
      })
    },
  }
}

/** Lines that are deleted in one transaction. */
const linesAtOnce = 5000

const ending = ['finalizing', 'cancelling']
const anyStatus = ['validating', 'in_progress', ...ending]

function writeLine(id: string, { line, customId, method, url, body, problem }: NewLine): NewRow {
  return {
    batch_id: id,
    line,
    custom_id: customId,
    method,
    url,
    body,
    state: problem === undefined ? 'pending' : 'failed',
    problem_code: problem?.code ?? '',
    problem_message: problem?.message ?? '',
  }
}
