import { sql } from 'kysely'
import { fail } from '../../error/index.ts'
import type { AccountScope, BatchPage, BatchStatus, BatchStore } from '../contract.ts'
import { batchJobs } from './batch-jobs.ts'
import { batchLines } from './batch-lines.ts'
import { readBatch, writeBatch } from './batch-row.ts'
import { after, every, inScope } from './conditions.ts'
import { decodeCursor, pageOf, type Place } from './cursor.ts'
import type { Sql } from './engine.ts'
import { transact, translated } from './faults.ts'

/** Batches on either engine. */
export function sqlBatches(store: Sql): BatchStore {
  const { engine, skipped } = store
  const { reader } = engine
  const placeOf = async ({ cursor, after: id }: BatchPage, scope: AccountScope): Promise<Place | undefined> => {
    if (id === undefined) return decodeCursor(cursor)
    const visible = every([inScope(engine, scope, 'account_id')])
    const found = await reader
      .selectFrom('batch')
      .select(['id', 'created as time'])
      .where('id', '=', id)
      .where(visible)
      .executeTakeFirst()
    if (found === undefined) throw fail('invalid_request', 'after: there is no batch of that id', { param: 'after' })
    return found
  }
  const methods = {
    ...batchJobs(store),
    ...batchLines(store),

    async create(batch) {
      await transact(engine, (writing) => engine.insertAll(writing, 'batch', [writeBatch(batch)], sql``))
    },

    async batch(id, scope) {
      const visible = every([inScope(engine, scope, 'account_id')])
      const found = await reader.selectFrom('batch').selectAll().where('id', '=', id).where(visible).executeTakeFirst()
      const row = found && readBatch(found, skipped)
      if (row === undefined) throw missing()
      return row
    },

    async open() {
      const { rows } = await sql<{ status: BatchStatus; batches: bigint; lines: bigint; oldest: bigint }>`
        select status, count(*) as batches, cast(sum(total - completed - failed) as bigint) as lines, min(created) as oldest
        from batch where finished is null group by status`.execute(reader)
      return {
        batches: Object.fromEntries(rows.map(({ status, batches }) => [status, Number(batches)])),
        lines: rows.reduce((sum, { lines }) => sum + Number(lines), 0),
        oldest: rows.length === 0 ? undefined : Math.min(...rows.map(({ oldest }) => Number(oldest))),
      }
    },

    async batches(status, scope, page) {
      const found = await reader
        .selectFrom('batch')
        .selectAll()
        .where(
          every([
            status === undefined ? undefined : sql<boolean>`status = ${status}`,
            inScope(engine, scope, 'account_id'),
            after(await placeOf(page, scope), 'created', 'newest first'),
          ]),
        )
        .orderBy('created', 'desc')
        .orderBy('id', 'desc')
        .limit(page.limit + 1)
        .execute()
      return pageOf(
        found,
        page,
        ({ created, id }) => ({ time: created, id }),
        (row) => readBatch(row, skipped),
      )
    },

    async cancel(id, scope, now) {
      return await transact(engine, async (writing) => {
        const visible = every([inScope(engine, scope, 'account_id')])
        await writing
          .updateTable('batch')
          .set({ status: 'cancelling', heading: 'cancelled', cancelling: Math.trunc(now) })
          .where('id', '=', id)
          .where(visible)
          .where('status', 'in', ['validating', 'in_progress'])
          .execute()
        const found = await writing
          .selectFrom('batch')
          .selectAll()
          .where('id', '=', id)
          .where(visible)
          .executeTakeFirst()
        const row = found && readBatch(found, skipped)
        if (row === undefined) throw missing()
        return row
      })
    },
  } satisfies BatchStore
  // What came of a line is written, whatever is in it: what cannot be held is replaced.
  return translated(engine, methods, ['complete'])
}

function missing(): Error {
  return fail('not_found', 'there is no batch of that id')
}
