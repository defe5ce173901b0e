import { randomBytes } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import type { Timestamp } from '@bufbuild/protobuf/wkt'
import { type CreateKeyRequest, CreateKeyResponseSchema, type Limits } from '#gen/switchyard/v1/key_pb.ts'
import { ListAccountsResponseSchema, ListKeysResponseSchema } from '#gen/switchyard/v1/key_pb.ts'
import { scopeOf } from '../core/admit.ts'
import type { Principal } from '../core/contract.ts'
import type { KeyOperations } from '../dialects/surface.ts'
import { fail, GatewayError } from '../error/index.ts'
import {
  type AccountRow,
  type AccountScope,
  type AccountStore,
  defaultAccountId,
  type KeyRow,
} from '../store/contract.ts'
import { checkGrant } from './grants.ts'
import { accountMessage, keyMessage } from './messages.ts'
import { mintKey } from './token.ts'

/** What the operations are made of. */
export interface KeyOperationsParts {
  readonly store: AccountStore
  /** Brings what this process knows of keys up to date, after a write. */
  readonly refresh: () => Promise<void>
}

const defaultLimit = 50

/** Accounts and keys, for one caller. */
export function keyOperations({ store, refresh }: KeyOperationsParts, caller: Principal): KeyOperations {
  const scope = scopeOf(caller)
  return {
    async createAccount({ name, logContent }) {
      const row: AccountRow = { id: `acc_${randomBytes(8).toString('hex')}`, name, created: Date.now(), logContent }
      await store.createAccount(row)
      await refresh()
      return accountMessage(row, 0n)
    },
    async updateAccount({ id, name, logContent }) {
      const before = (await store.allAccounts()).find((row) => row.id === id && sees(scope, id))
      if (before === undefined) throw missing('account', id)
      const row = { ...before, name: name ?? before.name, logContent: logContent ?? before.logContent }
      await store.updateAccount(row)
      await refresh()
      const [charge] = await store.charges([id])
      return accountMessage(row, charge?.nanoUsd ?? 0n)
    },
    async listAccounts({ limit, cursor }) {
      const { rows, nextCursor } = await store.accounts(scope, pageOf(limit, cursor))
      const charges = await store.charges(rows.map(({ id }) => id))
      const charged = new Map(charges.map(({ accountId, nanoUsd }) => [accountId, nanoUsd]))
      return create(ListAccountsResponseSchema, {
        accounts: rows.map((row) => accountMessage(row, charged.get(row.id) ?? 0n)),
        nextCursor: nextCursor ?? '',
      })
    },
    async createKey(request) {
      const { row, token } = newKey(request, caller, scope)
      await store.createKey(row).catch((thrown: unknown) => {
        // All that a key refers to is its account.
        throw thrown instanceof GatewayError && thrown.reason === 'not_found'
          ? missing('account', row.accountId)
          : thrown
      })
      await refresh()
      return create(CreateKeyResponseSchema, { key: keyMessage(row), secret: token })
    },
    async listKeys({ accountId, limit, cursor }) {
      if (accountId !== '' && !sees(scope, accountId)) throw missing('account', accountId)
      const { rows, nextCursor } = await store.keys(accountId === '' ? scope : [accountId], pageOf(limit, cursor))
      return create(ListKeysResponseSchema, { keys: rows.map(keyMessage), nextCursor: nextCursor ?? '' })
    },
    async revokeKey(id) {
      const row = await store.revokeKey(id, scope, Date.now())
      await refresh()
      return keyMessage(row)
    },
  }
}

/** A key as asked for, within what the caller may grant. Throws `invalid_request`, `permission_denied` and `not_found`. */
function newKey(
  { accountId, name, permissions, models, expires, limits }: CreateKeyRequest,
  caller: Principal,
  scope: AccountScope,
): { readonly row: KeyRow; readonly token: string } {
  refuseLimits(limits)
  const account = accountId === '' ? (caller.accounts[0] ?? defaultAccountId) : accountId
  if (!sees(scope, account)) throw missing('account', account)
  const end = expires === undefined ? caller.expires : wholeMs(expires)
  if (end !== undefined && end <= Date.now())
    throw fail('invalid_request', 'the time of expiry has passed', { param: 'expires' })
  const grant = {
    permissions: permissions.length === 0 ? ['models:use'] : [...new Set(permissions)],
    models: [...new Set(models)],
    expires: end,
  }
  checkGrant(caller, grant)
  const { id, token, sha256 } = mintKey()
  const row: KeyRow = {
    id,
    accountId: account,
    name,
    sha256,
    ...grant,
    created: Date.now(),
    revoked: undefined,
    limits: none,
  }
  return { row, token }
}

/** Milliseconds, cut: rounded up, the last moment that a timestamp can say would be one that it cannot. */
function wholeMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + Math.floor(nanos / 1e6)
}

const none = { requestsPerMinute: 0, tokensPerMinute: 0, concurrentRequests: 0 }

/** What would be stored and not kept to is refused. */
function refuseLimits(limits: Limits | undefined): void {
  if (limits === undefined) return
  const { requestsPerMinute, tokensPerMinute, concurrentRequests } = limits
  if (requestsPerMinute + tokensPerMinute + concurrentRequests === 0n) return
  throw fail('unsupported_operation', 'limits of keys are not enforced in this version', { param: 'limits' })
}

function pageOf(limit: number, cursor: string): { readonly limit: number; readonly cursor?: string } {
  return { limit: limit === 0 ? defaultLimit : limit, ...(cursor !== '' && { cursor }) }
}

function sees(scope: AccountScope, accountId: string): boolean {
  return scope === 'all' || scope.includes(accountId)
}

/** The same words for what is another's and for what is not there. */
function missing(what: string, id: string): Error {
  return fail('not_found', `there is no ${what} "${id.slice(0, 128)}"`)
}
