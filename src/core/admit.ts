import { hash, timingSafeEqual } from 'node:crypto'
import { type Permission, permissions } from '../dialects/permissions.ts'
import { fail } from '../error/index.ts'
import { type AccountScope, defaultAccountId } from '../store/contract.ts'
import type { Principal, Route } from './contract.ts'

/** A key as configured: never the key itself, only what it hashes to. */
export interface KeyRule {
  readonly id: string
  /** SHA-256 of the key, 64 lower-case hex digits. */
  readonly sha256: string
  readonly permissions: readonly Permission[]
  /** Model names or prefixes ending in `*`; empty means all. */
  readonly models: readonly string[]
  readonly accounts: readonly string[]
}

/** Tells callers by their keys. */
export interface Keys {
  /** False: nobody needs a key. */
  readonly required: boolean
  /** Whose token this is. Throws `unauthenticated`, in the same words for a missing and for a wrong one. */
  authenticate(token: string | undefined): Principal
}

/** Everybody, where no key is needed. Told by being this very object: a key may have been given the same id. */
export const openPrincipal: Principal = { keyId: 'open', accounts: [], permissions: new Set(permissions), models: [] }

/** The keys of a gateway. Without any, every caller is the same principal and may do everything. */
export function createKeys(rules: readonly KeyRule[]): Keys {
  if (rules.length === 0) return { required: false, authenticate: () => openPrincipal }
  const bySha256 = new Map(
    rules.map((rule) => [rule.sha256, { known: Buffer.from(rule.sha256), principal: principalOf(rule) }]),
  )
  return {
    required: true,
    authenticate(token) {
      if (token === undefined || token === '')
        throw unauthenticated('an API key is required: send it as "Authorization: Bearer KEY" or "x-api-key: KEY"')
      const sha256 = hash('sha256', token)
      const found = bySha256.get(sha256)
      if (found === undefined || !timingSafeEqual(found.known, Buffer.from(sha256)))
        throw unauthenticated('the API key is not valid')
      return found.principal
    },
  }
}

/** Who calls with a configured key. */
export function principalOf({ id, permissions: held, models, accounts }: KeyRule): Principal {
  return { keyId: id, accounts, permissions: new Set(held), models }
}

function unauthenticated(message: string): Error {
  return fail('unauthenticated', message)
}

/** Throws `permission_denied` when the principal lacks the permission; `admin` has all. */
export function authorize(principal: Principal, permission: Permission): void {
  if (principal.permissions.has(permission) || principal.permissions.has('admin')) return
  throw fail('permission_denied', `the API key lacks the permission "${permission}"`)
}

/** Whose rows a principal may see: everybody's with `admin`, else those of its own accounts. */
export function scopeOf(principal: Principal): AccountScope {
  if (principal.permissions.has('admin')) return 'all'
  return principal.accounts.length === 0 ? [defaultAccountId] : principal.accounts
}

/** True when a name is one of the patterns: exact, or a prefix ending in `*`. */
export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name))
}

/**
 * Throws `permission_denied` unless the key may use the model: by the name asked for, or by every target it leads to as
 * `provider/model`. Where the client chose the provider, only the latter counts.
 */
export function authorizeModel(principal: Principal, { alias, forced = false, targets }: Route): void {
  if (principal.models.length === 0 || (!forced && matchesAny(principal.models, alias))) return
  if (targets.every(({ provider, model }) => matchesAny(principal.models, `${provider.record.name}/${model}`))) return
  throw fail('permission_denied', `the API key may not use the model "${alias.slice(0, 128)}"`, { param: 'model' })
}

/** The account a call is for: the one selected, else the key's first. Throws `permission_denied` for a foreign one. */
export function selectAccount(principal: Principal, selected: string | undefined): string {
  if (selected === undefined || selected === '') return principal.accounts[0] ?? ''
  if (principal === openPrincipal || principal.accounts.includes(selected)) return selected
  throw fail('permission_denied', 'the API key may not act for the selected account')
}
