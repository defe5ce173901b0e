import { type Kysely, type Selectable, sql } from 'kysely'
import { z } from 'zod'
import { fail } from '../../error/index.ts'
import type { AccountScope, ClaimedVideo, VideoRow, VideoStore } from '../contract.ts'
import { videoStatuses } from '../videos-contract.ts'
import { appendIn, transactLedger } from './append.ts'
import { after, type Condition, every, inScope } from './conditions.ts'
import { decodeCursor, pageOf, type Place } from './cursor.ts'
import type { Sql } from './engine.ts'
import { transact, translated } from './faults.ts'
import { nameText, readRow, wholeNumber } from './read.ts'
import type { Tables, VideoTable } from './tables.ts'

const shape = z.object({
  id: nameText,
  status: z.enum(videoStatuses),
  seconds: z.number(),
  progress: wholeNumber,
  created: wholeNumber,
  deadline: wholeNumber,
  finished: wholeNumber.nullable().transform((time) => time ?? undefined),
})

const open = sql<boolean>`status in ('queued', 'in_progress')`

/** Videos on either engine. */
export function sqlVideos(store: Sql): VideoStore {
  const { engine } = store

  const visible = (id: string, scope: AccountScope): Condition =>
    every([sql<boolean>`id = ${id}`, inScope(engine, scope, 'account_id')])

  const find = async (db: Kysely<Tables>, id: string, scope: AccountScope): Promise<VideoRow> =>
    found(store, await db.selectFrom('video').selectAll().where(visible(id, scope)).executeTakeFirst())

  /** Where a listing goes on that begins behind a video. */
  const placeOf = async (id: string, scope: AccountScope): Promise<Place> => {
    const row = await engine.reader
      .selectFrom('video')
      .select(['created', 'id'])
      .where(visible(id, scope))
      .executeTakeFirst()
    if (row === undefined) throw fail('invalid_request', 'there is no video to begin behind', { param: 'after' })
    return { time: row.created, id: row.id }
  }

  const methods = {
    async create(video) {
      await transact(engine, (writing) =>
        engine.insertAll(
          writing,
          'video',
          [
            {
              id: video.id,
              account_id: video.accountId,
              key_id: video.keyId,
              dialect: video.dialect,
              alias: video.alias,
              size: video.size,
              seconds: video.seconds,
              paid_by: video.paidBy,
              created: Math.trunc(video.created),
              deadline: Math.trunc(video.deadline),
              // Nobody asks for it before a provider has it; one that never got there is given up at its deadline.
              due: engine.shared(video.deadline),
              status: 'queued',
            },
          ],
          sql``,
        ),
      )
    },

    async taken(id, { provider, vendor, model, upstreamId }, { status, progress, due, size, seconds }) {
      const row = await engine.writer
        .updateTable('video')
        .set({
          provider,
          vendor,
          model,
          upstream_id: upstreamId,
          status,
          progress,
          due: engine.shared(due),
          ...(size !== undefined && { size }),
          ...(seconds !== undefined && { seconds }),
        })
        .where('id', '=', id)
        .where(open)
        .returningAll()
        .executeTakeFirst()
      return found(store, row)
    },

    video: (id, scope) => find(engine.reader, id, scope),

    async videos(scope, page) {
      const { order = 'newest first' } = page
      const from = page.after === undefined ? decodeCursor(page.cursor) : await placeOf(page.after, scope)
      const direction = order === 'newest first' ? 'desc' : 'asc'
      const rows = await engine.reader
        .selectFrom('video')
        .selectAll()
        .where(every([inScope(engine, scope, 'account_id'), after(from, 'created', order)]))
        .orderBy('created', direction)
        .orderBy('id', direction)
        .limit(page.limit + 1)
        .execute()
      return pageOf(
        rows,
        page,
        ({ created, id }) => ({ time: created, id }),
        (row) => readVideo(store, row),
      )
    },

    async claim(owner, now, leaseMs, most, id) {
      const at = engine.shared(now)
      const free = every([
        open,
        sql<boolean>`lease_until <= ${at}`,
        id === undefined ? sql<boolean>`due <= ${at}` : sql<boolean>`id = ${id}`,
      ])
      const { rows } = await sql<Selectable<VideoTable>>`
        update video set owner = ${owner}, lease_until = ${at + leaseMs}, fence = fence + 1
        where id in (select id from video where ${free} order by due limit ${most} ${engine.keepRows.skipping}) and ${free}
        returning *`.execute(engine.writer)
      return rows.flatMap((row): ClaimedVideo[] => {
        const video = readVideo(store, row)
        return video === undefined ? [] : [{ video, fence: Number(row.fence) }]
      })
    },

    async renew(id, fence, until) {
      return await change(id, fence, sql`lease_until = ${engine.shared(until)}`)
    },

    async report(id, fence, { status, progress, due }) {
      return await change(
        id,
        fence,
        sql`status = ${status}, progress = ${progress}, due = ${engine.shared(due)}, lease_until = 0`,
      )
    },

    async end(id, fence, how, request, now) {
      const rows = request === undefined ? [] : [request]
      return await transactLedger(engine, rows, async (writing) => {
        const done = how.status === 'completed'
        const ended = await writing
          .updateTable('video')
          .set({
            status: how.status,
            finished: Math.trunc(now),
            lease_until: 0,
            ...(done
              ? { progress: 100, file_id: how.fileId, seconds: how.seconds }
              : { problem_reason: how.problem.reason, problem_message: how.problem.message }),
          })
          .where('id', '=', id)
          .where(sql<boolean>`fence = ${fence}`)
          .where(open)
          .returning('id')
          .execute()
        if (ended.length === 0) return false
        await appendIn(engine, writing, rows, [])
        return true
      })
    },

    async cancel(id, scope, now) {
      return await transact(engine, async (writing) => {
        await writing
          .updateTable('video')
          .set({ status: 'cancelled', finished: Math.trunc(now), lease_until: 0 })
          .where(visible(id, scope))
          .where(open)
          .execute()
        return await find(writing, id, scope)
      })
    },

    async forget(before) {
      await engine.writer
        .deleteFrom('video')
        .where(sql<boolean>`finished < ${Math.trunc(before)}`)
        .execute()
    },

    async remove(id, scope) {
      return await transact(engine, async (writing) => {
        const row = await find(writing, id, scope)
        if (row.finished === undefined) throw fail('conflict', 'the video is still being made: cancel it first')
        await writing.deleteFrom('video').where('id', '=', id).execute()
        return row
      })
    },
  } satisfies VideoStore

  const change = async (id: string, fence: number, what: ReturnType<typeof sql>): Promise<boolean> => {
    const { numAffectedRows } = await sql`
      update video set ${what} where id = ${id} and fence = ${fence} and ${open}`.execute(engine.writer)
    return numAffectedRows === 1n
  }

  return translated(engine, methods, ['end'])
}

function found(store: Sql, row: Selectable<VideoTable> | undefined): VideoRow {
  const video = row && readVideo(store, row)
  if (video === undefined) throw fail('not_found', 'there is no video of that id')
  return video
}

function readVideo({ skipped }: Sql, row: Selectable<VideoTable>): VideoRow | undefined {
  const read = readRow('video', row.id, shape, row, skipped)
  if (read === undefined) return undefined
  return {
    ...read,
    accountId: row.account_id,
    keyId: row.key_id,
    dialect: row.dialect,
    alias: row.alias,
    size: row.size,
    paidBy: row.paid_by,
    provider: row.provider,
    vendor: row.vendor,
    model: row.model,
    upstreamId: row.upstream_id,
    fileId: row.file_id,
    problem: row.problem_reason === '' ? undefined : { reason: row.problem_reason, message: row.problem_message },
  }
}
