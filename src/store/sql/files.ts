import { type Selectable, sql } from 'kysely'
import { z } from 'zod'
import { fail } from '../../error/index.ts'
import type { AccountScope } from '../contract.ts'
import type { FileRow, FileStore } from '../files-contract.ts'
import { after, type Condition, every, inScope } from './conditions.ts'
import { decodeCursor, pageOf, type Place } from './cursor.ts'
import type { Sql } from './engine.ts'
import { transact, translated } from './faults.ts'
import { lastTime, nameText, readRow, wholeNumber } from './read.ts'
import type { StoredFileTable } from './tables.ts'

const shape = z.object({
  id: nameText,
  account_id: nameText,
  name: z.string().max(512),
  purpose: z.string().max(512),
  media_type: nameText,
  bytes: wholeNumber,
  created: wholeNumber,
  expires: wholeNumber.nullable().transform((time) => time ?? undefined),
  blob: nameText,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

const missing = () => fail('not_found', 'there is no file of that id')

/** That somebody may see a file: it is whole, not removed, and not past its time. */
function seen(at: number): Condition {
  return sql<boolean>`state = 'kept' and (expires is null or expires > ${Math.trunc(at)})`
}

/** What is known of files, on either engine. */
export function sqlFiles(store: Sql): FileStore {
  const { engine } = store
  const { reader } = engine

  /** Where a listing goes on that begins behind a file. */
  const placeOf = async (id: string, scope: AccountScope, at: number): Promise<Place> => {
    const row = await reader
      .selectFrom('stored_file')
      .select(['created', 'id'])
      .where('id', '=', id)
      .where(every([inScope(engine, scope, 'account_id'), seen(at)]))
      .executeTakeFirst()
    if (row === undefined) throw fail('invalid_request', 'there is no file to begin behind', { param: 'after' })
    return { time: row.created, id: row.id }
  }

  return translated(engine, {
    async begin(file) {
      const row = {
        id: file.id,
        account_id: file.accountId,
        state: 'begun' as const,
        name: file.name,
        purpose: file.purpose,
        media_type: file.mediaType,
        bytes: 0,
        created: Math.trunc(file.created),
        expires: file.expires === undefined ? null : Math.min(Math.trunc(file.expires), lastTime),
        blob: file.blob,
        sha256: '',
      }
      await engine.writer.insertInto('stored_file').values(row).execute()
    },

    async complete(id, { bytes, sha256 }) {
      const row = await engine.writer
        .updateTable('stored_file')
        .set({ state: 'kept', bytes: Math.trunc(bytes), sha256 })
        .where('id', '=', id)
        .where('state', '=', 'begun')
        .returningAll()
        .executeTakeFirst()
      return found(store, row)
    },

    async file(id, scope, at) {
      const row = await reader
        .selectFrom('stored_file')
        .selectAll()
        .where('id', '=', id)
        .where(every([inScope(engine, scope, 'account_id'), seen(at)]))
        .executeTakeFirst()
      return found(store, row)
    },

    async files({ purpose }, scope, page, at) {
      const { order = 'newest first' } = page
      const from = page.after === undefined ? decodeCursor(page.cursor) : await placeOf(page.after, scope, at)
      const direction = order === 'newest first' ? 'desc' : 'asc'
      const rows = await reader
        .selectFrom('stored_file')
        .selectAll()
        .where(
          every([
            inScope(engine, scope, 'account_id'),
            seen(at),
            purpose === undefined ? undefined : sql<boolean>`purpose = ${purpose}`,
            after(from, 'created', order),
          ]),
        )
        .orderBy('created', direction)
        .orderBy('id', direction)
        .limit(page.limit + 1)
        .execute()
      return pageOf(
        rows,
        page,
        ({ created, id }) => ({ time: created, id }),
        (row) => readFile(store, row),
      )
    },

    async remove(id, scope, at) {
      const row = await engine.writer
        .updateTable('stored_file')
        .set({ state: 'removed' })
        .where('id', '=', id)
        .where(every([inScope(engine, scope, 'account_id'), seen(at)]))
        .returningAll()
        .executeTakeFirst()
      return found(store, row)
    },

    async leftovers(at, abandoned, limit) {
      const unseen = await reader
        .selectFrom('stored_file')
        .select(['id', 'blob'])
        .where(sql<boolean>`state <> 'kept' and (state = 'removed' or created < ${Math.trunc(abandoned)})`)
        .limit(limit)
        .execute()
      if (unseen.length === limit) return unseen
      const expired = await reader
        .selectFrom('stored_file')
        .select(['id', 'blob'])
        .where(sql<boolean>`expires <= ${Math.trunc(at)} and state = 'kept'`)
        .limit(limit - unseen.length)
        .execute()
      return [...unseen, ...expired]
    },

    async forget(ids) {
      await transact(engine, async (writing) => {
        await writing.deleteFrom('stored_file').where(engine.isAnyOf('id', ids)).execute()
      })
    },
  } satisfies FileStore)
}

function found(store: Sql, row: Selectable<StoredFileTable> | undefined): FileRow {
  const file = row === undefined ? undefined : readFile(store, row)
  if (file === undefined) throw missing()
  return file
}

function readFile(store: Sql, row: Selectable<StoredFileTable>): FileRow | undefined {
  const read = readRow('stored_file', row.id, shape, row, store.skipped)
  if (read === undefined) return undefined
  const { account_id: accountId, media_type: mediaType, ...rest } = read
  return { ...rest, accountId, mediaType }
}
