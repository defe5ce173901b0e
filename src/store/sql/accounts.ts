import { type Insertable, type Selectable, sql } from 'kysely'
import { z } from 'zod'
import { fail } from '../../error/index.ts'
import type { AccountRow, AccountStore, KeyRow } from '../contract.ts'
import { after, every, inScope } from './conditions.ts'
import { decodeCursor, pageOf } from './cursor.ts'
import type { Sql } from './engine.ts'
import { transact, translated } from './faults.ts'
import { jsonText, lastTime, nameText, readRow, wholeNumber, yesOrNo } from './read.ts'
import { changed } from './revision.ts'
import type { AccountTable, ApiKeyTable } from './tables.ts'

const accountShape = z.object({ id: nameText, name: nameText, created: wholeNumber, log_content: yesOrNo })

const optionalTime = wholeNumber.nullable().transform((time) => time ?? undefined)

const keyShape = z.object({
  id: nameText,
  account_id: nameText,
  name: z.string().max(512),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  permissions: jsonText(z.array(z.string())),
  models: jsonText(z.array(z.string())),
  created: wholeNumber,
  expires: optionalTime,
  revoked: optionalTime,
  requests_per_minute: wholeNumber,
  tokens_per_minute: wholeNumber,
  concurrent_requests: wholeNumber,
})

const createdPlace = ({ created, id }: { readonly created: bigint; readonly id: string }) => ({ time: created, id })

/** Accounts and keys on either engine. Listings are in the order of creation. */
export function sqlAccounts(store: Sql): AccountStore {
  const { engine } = store
  const { reader } = engine
  return translated(engine, {
    async createAccount({ id, name, created, logContent }) {
      await transact(engine, async (writing) => {
        const row = { id, name, created: Math.trunc(created), log_content: Number(logContent) }
        await writing.insertInto('account').values(row).execute()
        await changed(engine, writing)
      })
    },

    async updateAccount({ id, name, logContent }) {
      await transact(engine, async (writing) => {
        const row = { name, log_content: Number(logContent) }
        const { numUpdatedRows } = await writing.updateTable('account').set(row).where('id', '=', id).executeTakeFirst()
        if (numUpdatedRows === 0n) throw fail('not_found', 'there is no account of that id')
        await changed(engine, writing)
      })
    },

    async accounts(scope, page) {
      const found = await reader
        .selectFrom('account')
        .selectAll()
        .where(every([inScope(engine, scope, 'id'), after(decodeCursor(page.cursor), 'created', 'oldest first')]))
        .orderBy('created')
        .orderBy('id')
        .limit(page.limit + 1)
        .execute()
      return pageOf(found, page, createdPlace, (row) => readAccount(store, row))
    },

    async allAccounts() {
      const rows = await reader.selectFrom('account').selectAll().orderBy('created').orderBy('id').execute()
      return rows.map((row) => readAccount(store, row)).filter((row) => row !== undefined)
    },

    async createKey(row) {
      await transact(engine, async (writing) => {
        await writing.insertInto('api_key').values(writeKey(row)).execute()
        await changed(engine, writing)
      })
    },

    async keys(scope, page) {
      const found = await reader
        .selectFrom('api_key')
        .selectAll()
        .where(
          every([inScope(engine, scope, 'account_id'), after(decodeCursor(page.cursor), 'created', 'oldest first')]),
        )
        .orderBy('created')
        .orderBy('id')
        .limit(page.limit + 1)
        .execute()
      return pageOf(found, page, createdPlace, (row) => readKey(store, row))
    },

    async revokeKey(id, scope, at) {
      return await transact(engine, async (writing) => {
        const row = await writing
          .updateTable('api_key')
          .set({ revoked: sql<bigint>`coalesce(revoked, ${Math.trunc(at)})` })
          .where('id', '=', id)
          .where(every([inScope(engine, scope, 'account_id')]))
          .returningAll()
          .executeTakeFirst()
        const key = row === undefined ? undefined : readKey(store, row)
        if (key === undefined) throw fail('not_found', 'there is no key of that id')
        await changed(engine, writing)
        return key
      })
    },

    async forgetKey(id, sha256) {
      await transact(engine, async (writing) => {
        const { numDeletedRows } = await writing
          .deleteFrom('api_key')
          .where('id', '=', id)
          .where('sha256', '=', sha256)
          .executeTakeFirst()
        if (numDeletedRows > 0n) await changed(engine, writing)
      })
    },

    async usableKeys(at) {
      const rows = await reader
        .selectFrom('api_key')
        .selectAll()
        .where('revoked', 'is', null)
        .where(sql<boolean>`(expires is null or expires > ${Math.trunc(at)})`)
        .execute()
      return rows.map((row) => readKey(store, row)).filter((row) => row !== undefined)
    },

    async everHadKeys() {
      return (await reader.selectFrom('api_key').select('id').limit(1).executeTakeFirst()) !== undefined
    },

    async charges(scope) {
      const rows = await reader
        .selectFrom('account_charge')
        .selectAll()
        .where(every([inScope(engine, scope, 'account_id')]))
        .orderBy('account_id')
        .execute()
      return rows.map(({ account_id: accountId, nano_usd: nanoUsd, requests }) => ({ accountId, nanoUsd, requests }))
    },
  } satisfies AccountStore)
}

function readAccount(store: Sql, row: Selectable<AccountTable>): AccountRow | undefined {
  const read = readRow('account', row.id, accountShape, row, store.skipped)
  if (read === undefined) return undefined
  const { log_content: logContent, ...rest } = read
  return { ...rest, logContent }
}

function readKey(store: Sql, row: Selectable<ApiKeyTable>): KeyRow | undefined {
  const read = readRow('api_key', row.id, keyShape, row, store.skipped)
  if (read === undefined) return undefined
  const {
    account_id: accountId,
    requests_per_minute: requestsPerMinute,
    tokens_per_minute: tokensPerMinute,
    concurrent_requests: concurrentRequests,
    ...rest
  } = read
  return { ...rest, accountId, limits: { requestsPerMinute, tokensPerMinute, concurrentRequests } }
}

function writeKey(row: KeyRow): Insertable<ApiKeyTable> {
  return {
    id: row.id,
    account_id: row.accountId,
    name: row.name,
    sha256: row.sha256,
    permissions: JSON.stringify(row.permissions),
    models: JSON.stringify(row.models),
    created: Math.trunc(row.created),
    expires: row.expires === undefined ? null : Math.min(Math.trunc(row.expires), lastTime),
    revoked: row.revoked === undefined ? null : Math.trunc(row.revoked),
    requests_per_minute: Math.trunc(row.limits.requestsPerMinute),
    tokens_per_minute: Math.trunc(row.limits.tokensPerMinute),
    concurrent_requests: Math.trunc(row.limits.concurrentRequests),
  }
}
