import { randomUUID } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import { z } from 'zod'
import { fail } from '../../error/index.ts'
import type { Beginning, IdempotencyStore, KeptAnswer, OnceName } from '../idempotency-contract.ts'
import type { Condition } from './conditions.ts'
import type { Sql } from './engine.ts'
import { transact, translated } from './faults.ts'
import { jsonText, lastTime, readRow, wholeNumber } from './read.ts'
import type { OnceRequestTable } from './tables.ts'

/** Rows that are let go of in one transaction. */
const sweepSize = 500

/** Attempts that are renewed in one statement. */
const renewSize = 200

/** Attempts that are forgotten between two statements of a beginning, before that is called a fault. */
const mostTries = 10

const headShape = z.object({ status: wholeNumber, headers: jsonText(z.record(z.string(), z.string())) })

/** Requests that are answered once, on either engine. A row without a status is of an attempt that is under way. */
export function sqlIdempotency(store: Sql): IdempotencyStore {
  const { engine } = store
  const { writer, reader } = engine

  /** Takes the place of the name, where there is none or what was there is past its time. */
  const take = async (name: OnceName, fingerprint: string, until: number, now: number) => {
    const fence = randomUUID()
    const { rows } = await sql<{ fence: string }>`
      insert into once_request (account_id, key_id, name, fingerprint, fence, begun, expires, headers)
      values (${name.accountId}, ${name.keyId}, ${name.key}, ${fingerprint}, ${fence}, ${now}, ${until}, '')
      on conflict (account_id, key_id, name) do update set
        fingerprint = excluded.fingerprint, fence = excluded.fence, begun = excluded.begun, expires = excluded.expires,
        status = null, headers = '', body = null
      where once_request.expires <= ${now}
      returning fence`.execute(writer)
    return rows.length === 0 ? undefined : fence
  }

  const found = async (name: OnceName): Promise<Selectable<OnceRequestTable> | undefined> =>
    await reader.selectFrom('once_request').selectAll().where(named(name)).executeTakeFirst()

  return translated(
    engine,
    {
      async begin(name, fingerprint, leaseUntil, now) {
        const [until, at] = [Math.min(engine.shared(leaseUntil), lastTime), engine.shared(now)]
        for (let tries = 1; tries <= mostTries; tries += 1) {
          const fence = await take(name, fingerprint, until, at)
          if (fence !== undefined) return { state: 'new', fence }
          const row = await found(name)
          if (row !== undefined) return begun(store, row, fingerprint)
          // It was forgotten meanwhile.
        }
        throw fail('store_unavailable', 'the request is begun and forgotten all the time')
      },

      async renew(claims, leaseUntil) {
        const until = Math.min(engine.shared(leaseUntil), lastTime)
        for (let from = 0; from < claims.length; from += renewSize) {
          const wanted = claims
            .slice(from, from + renewSize)
            .map(({ name, fence }) => sql`(${name.accountId}, ${name.keyId}, ${name.key}, ${fence})`)
          await sql`update once_request set expires = ${until}
            where status is null and (account_id, key_id, name, fence) in (values ${sql.join(wanted)})`.execute(writer)
        }
      },

      async finish(name, fence, { status, headers, body }, expires) {
        const { numUpdatedRows } = await writer
          .updateTable('once_request')
          .set({
            status: Math.trunc(status),
            headers: JSON.stringify(headers),
            body: body ?? null,
            expires: Math.min(engine.shared(expires), lastTime),
          })
          .where(named(name))
          .where('fence', '=', fence)
          .where('status', 'is', null)
          .executeTakeFirst()
        return numUpdatedRows > 0n
      },

      async forget(name, fence) {
        await writer
          .deleteFrom('once_request')
          .where(named(name))
          .where('fence', '=', fence)
          .where('status', 'is', null)
          .execute()
      },

      async sweep(now) {
        const at = engine.shared(now)
        let gone = 0
        for (;;) {
          // Asked again of each row: it may have begun anew since it was found.
          const { numAffectedRows = 0n } = await transact(engine, (writing) =>
            sql`
              delete from once_request where expires <= ${at} and (account_id, key_id, name) in (
                select account_id, key_id, name from once_request where expires <= ${at}
                limit ${sweepSize} ${engine.keepRows.skipping})`.execute(writing),
          )
          gone += Number(numAffectedRows)
          if (numAffectedRows < sweepSize) return gone
        }
      },
      // An answer has bytes of any kind; it is not looked through for text.
    } satisfies IdempotencyStore,
    ['finish'],
  )
}

function named({ accountId, keyId, key }: OnceName): Condition {
  return sql<boolean>`account_id = ${accountId} and key_id = ${keyId} and name = ${key}`
}

/** What there is already, to somebody who asks it again. */
function begun(store: Sql, row: Selectable<OnceRequestTable>, fingerprint: string): Beginning {
  if (row.fingerprint !== fingerprint) return { state: 'other_request' }
  if (row.status === null) return { state: 'in_flight', since: Number(row.begun) }
  return { state: 'done', answer: readAnswer(store, row) }
}

function readAnswer({ skipped }: Sql, row: Selectable<OnceRequestTable>): KeptAnswer {
  const { fence, status, headers, body } = row
  const head = readRow('once_request', fence, headShape, { status, headers }, skipped)
  // It was paid for, and is not asked for again.
  if (head === undefined) throw fail('internal', 'the kept answer cannot be read', { retryable: false })
  return { ...head, body: body === null ? undefined : new Uint8Array(body.buffer, body.byteOffset, body.byteLength) }
}
