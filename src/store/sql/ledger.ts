import { fail } from '../../error/index.ts'
import type { LedgerStore } from '../contract.ts'
import { append } from './append.ts'
import { after, every, inScope, matching } from './conditions.ts'
import { decodeCursor, pageOf } from './cursor.ts'
import type { Sql } from './engine.ts'
import { translated } from './faults.ts'
import { readRequest } from './request-row.ts'
import { rerate } from './rerate.ts'
import { retain } from './retain.ts'
import { usage } from './usage.ts'

/** The ledger on either engine. */
export function sqlLedger(store: Sql): LedgerStore {
  const { engine, skipped } = store
  const { reader } = engine
  const methods = {
    append: (rows, content) => append(store, rows, content),

    async request(id, scope) {
      const visible = every([inScope(engine, scope, 'account_id')])
      const byId = await reader.selectFrom('request').selectAll().where('id', '=', id).where(visible).executeTakeFirst()
      const found =
        byId ??
        (id === ''
          ? undefined
          : await reader
              .selectFrom('request')
              .selectAll()
              .where('client_request_id', '=', id)
              .where(visible)
              .orderBy('started', 'desc')
              .orderBy('id', 'desc')
              .limit(1)
              .executeTakeFirst())
      const row = found === undefined ? undefined : readRequest(found, skipped)
      if (row === undefined) throw fail('not_found', 'there is no request of that id')
      return row
    },

    async requests(filter, scope, page) {
      const found = await reader
        .selectFrom('request')
        .selectAll()
        .where(
          every([
            ...matching(filter),
            inScope(engine, scope, 'account_id'),
            after(decodeCursor(page.cursor), 'started', 'newest first'),
          ]),
        )
        .orderBy('started', 'desc')
        .orderBy('id', 'desc')
        .limit(page.limit + 1)
        .execute()
      return pageOf(
        found,
        page,
        ({ started, id }) => ({ time: started, id }),
        (row) => readRequest(row, skipped),
      )
    },

    async follow(position, filter, scope, limit) {
      const before = decodePosition(position)
      // What is committed later has a higher number, so the newest one bounds what can be told now.
      const newest = await reader.selectFrom('request').select('seq').orderBy('seq', 'desc').limit(1).executeTakeFirst()
      const last = newest?.seq ?? before ?? 0n
      if (before === undefined) return { rows: [], position: String(last) }
      const found = await reader
        .selectFrom('request')
        .selectAll()
        .where('seq', '>', before)
        .where('seq', '<=', last)
        .where(every([...matching(filter), inScope(engine, scope, 'account_id')]))
        .orderBy('seq')
        .limit(limit)
        .execute()
      const end = found.length === limit ? found.at(-1)?.seq : undefined
      return {
        rows: found.map((row) => readRequest(row, skipped)).filter((row) => row !== undefined),
        position: String(end ?? (last > before ? last : before)),
      }
    },

    async content(id, scope) {
      const found = await reader
        .selectFrom('request_content')
        .selectAll()
        .where('id', '=', id)
        .where('expires', '>', BigInt(Date.now()))
        .where(every([inScope(engine, scope, 'account_id')]))
        .executeTakeFirst()
      if (found === undefined) throw fail('not_found', 'there is no content of that request')
      const { account_id: accountId, expires, ...content } = found
      return { ...content, accountId, expires: Number(expires) }
    },

    usage: (...asked) => usage(store, ...asked),
    rerate: (...asked) => rerate(store, ...asked),
    retain: (...asked) => retain(store, ...asked),
  } satisfies LedgerStore
  // A call that was made has its row, whatever is in it: what cannot be held is replaced.
  return translated(engine, methods, ['append'])
}

function decodePosition(position: string | undefined): bigint | undefined {
  if (position === undefined) return undefined
  if (!/^\d{1,18}$/.test(position)) throw fail('invalid_request', 'the position is not one that following gave')
  return BigInt(position)
}
