import { isNamed } from '../dialects/model-names.ts'
import { type Permission, permissions } from '../dialects/permissions.ts'
import { fail } from '../error/index.ts'
import { type AccountScope, defaultAccountId } from '../store/contract.ts'
import type { Principal, Route } from './contract.ts'

/** Tells callers by their keys. */
export interface Keys {
  /** Whose token this is. Throws `unauthenticated`, in the same words for a missing and for a wrong one. */
  authenticate(token: string | undefined): Principal
}

/** Everybody, where no key is needed. Told by being this very object: a key may have been given the same id. */
export const openPrincipal: Principal = { keyId: 'open', accounts: [], permissions: new Set(permissions), models: [] }

/** Whether the principal has the permission; `admin` has all. */
export function holds({ permissions: held }: Principal, permission: Permission): boolean {
  return held.has(permission) || held.has('admin')
}

/** Throws `permission_denied` when the principal lacks the permission. */
export function authorize(principal: Principal, permission: Permission): void {
  if (holds(principal, permission)) return
  throw fail('permission_denied', `the API key lacks the permission "${permission}"`)
}

/** Whose rows a principal may see: everybody's with `admin`, else those of its own accounts. */
export function scopeOf(principal: Principal): AccountScope {
  if (holds(principal, 'admin')) return 'all'
  return principal.accounts.length === 0 ? [defaultAccountId] : principal.accounts
}

/**
 * Throws `permission_denied` unless the key may use the model: by the name asked for, or by every target it leads to as
 * `provider/model`. Where the client chose the provider, only the latter counts.
 */
export function authorizeModel(principal: Principal, { alias, forced = false, targets }: Route): void {
  if (principal.models.length === 0 || (!forced && isNamed(alias, principal.models))) return
  if (targets.every(({ provider, model }) => isNamed(`${provider.record.name}/${model}`, principal.models))) return
  throw fail('permission_denied', `the API key may not use the model "${alias.slice(0, 128)}"`, { param: 'model' })
}

/** The account a call is for: the one selected, else the key's first. Throws `permission_denied` for a foreign one. */
export function selectAccount(principal: Principal, selected: string | undefined): string {
  if (selected === undefined || selected === '') return principal.accounts[0] ?? ''
  if (principal === openPrincipal || principal.accounts.includes(selected)) return selected
  throw fail('permission_denied', 'the API key may not act for the selected account')
}
