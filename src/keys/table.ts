import { hash, timingSafeEqual } from 'node:crypto'
import { type Keys, openPrincipal } from '../core/admit.ts'
import type { Principal } from '../core/contract.ts'
import type { Permission } from '../dialects/permissions.ts'
import { fail } from '../error/index.ts'
import type { KeyRow } from '../store/contract.ts'
import type { Follower } from '../store/mirror.ts'
import type { Snapshot } from '../store/snapshot.ts'

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

/** What the store says of keys, read at one moment; from the first key on nobody is let in without one. */
export type KeyState = Pick<Snapshot, 'keys' | 'accounts' | 'everHadKeys' | 'at'>

/** How long what was read may be trusted while the store does not answer. */
export interface KeyTableOptions {
  /** Milliseconds after the last good reading in which known keys are still let in. */
  readonly maxAgeMs: number
  /** Nobody is let in without a key, also as long as there is none. */
  readonly closed?: boolean
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

interface Entry {
  readonly sha256: Buffer
  readonly principal: Principal
}

/**
 * Everybody who may call: the keys of the configuration and those of the store, in memory, so that a call never waits for the
 * store. While the store does not answer, known keys are let in for a time, and an unknown one is told to come back, since it may
 * well be good.
 */
export class KeyTable implements Keys, Follower {
  readonly #configured: ReadonlyMap<string, Entry>
  readonly #options: KeyTableOptions
  readonly #now: () => number
  #stored: ReadonlyMap<string, Entry> = new Map()
  #storedById: ReadonlyMap<string, Principal> = new Map()
  #logged: ReadonlySet<string> = new Set()
  #everHadKeys = false
  #readAt: number | undefined
  #reachable = false

  constructor(configured: readonly KeyRule[], options: KeyTableOptions) {
    this.#configured = new Map(configured.map((rule) => [rule.sha256, entryOf(rule.sha256, principalOf(rule))]))
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Takes in what the store says now; with `fresh` false, what it said before it went away. */
  load({ keys, accounts, everHadKeys, at }: KeyState, fresh: boolean): void {
    this.#stored = new Map(keys.map((row) => [row.sha256, entryOf(row.sha256, principalOfRow(row))]))
    this.#storedById = new Map([...this.#stored.values()].map(({ principal }) => [principal.keyId, principal]))
    this.#logged = new Set(accounts.filter(({ logContent }) => logContent).map(({ id }) => id))
    // From the first key on nobody is let in without one, also where that key was taken out again.
    this.#everHadKeys ||= everHadKeys
    this.#readAt = at
    this.#reachable = fresh
  }

  /** Nothing changed up to that time: milliseconds since the epoch. */
  confirmed(at: number): void {
    this.#readAt = at
  }

  /** The store does not answer: what is known is kept for its time. */
  unreachable(): void {
    this.#reachable = false
  }

  /** Whether nobody is let in without a key. */
  get required(): boolean {
    return this.#options.closed === true || !this.keyless
  }

  /** Whether it is known that there never was a key: what nobody could read yet may hold some. */
  get keyless(): boolean {
    return this.#configured.size === 0 && !this.#everHadKeys && this.#readAt !== undefined
  }

  /** Whether prompts and answers of an account are kept. */
  keepsContent(accountId: string): boolean {
    return this.#logged.has(accountId)
  }

  authenticate(token: string | undefined): Principal {
    if (!this.required) return openPrincipal
    if (token === undefined || token === '')
      throw fail(
        'unauthenticated',
        'an API key is required: send it as "Authorization: Bearer KEY" or "x-api-key: KEY"',
      )
    const sha256 = hash('sha256', token)
    const configured = matched(this.#configured, sha256)
    if (configured !== undefined) return configured
    return this.#usable(matched(this.#stored, sha256))
  }

  /** Throws what `authenticate` would by now, for somebody whom it let in before: a key may be revoked or expire while its call goes on. */
  requireStill(principal: Principal): void {
    if (principal === openPrincipal ? !this.required : this.#isConfigured(principal)) return
    this.#usable(this.#storedById.get(principal.keyId))
  }

  /**
   * What a key may do now, for what goes on without its owner; an empty id is that of whoever needed none. Throws what `authenticate`
   * would for one that may nothing any more.
   */
  principalOf(keyId: string): Principal {
    if (keyId === '') {
      if (this.required) throw invalid()
      return openPrincipal
    }
    const configured = [...this.#configured.values()].find(({ principal }) => principal.keyId === keyId)
    return configured?.principal ?? this.#usable(this.#storedById.get(keyId))
  }

  #isConfigured(principal: Principal): boolean {
    return [...this.#configured.values()].some((entry) => entry.principal === principal)
  }

  #usable(found: Principal | undefined): Principal {
    if (found === undefined) {
      if (this.#reachable) throw invalid()
      throw fail('store_unavailable', 'the API key cannot be checked now, since the store does not answer')
    }
    if (!this.#reachable && this.#now() - (this.#readAt ?? 0) > this.#options.maxAgeMs)
      throw fail('store_unavailable', 'API keys cannot be checked now: the store has not answered for too long')
    if (found.expires !== undefined && found.expires <= this.#now()) throw invalid()
    return found
  }
}

/** The same words for a wrong, an expired and a revoked key. */
function invalid(): Error {
  return fail('unauthenticated', 'the API key is not valid')
}

function entryOf(sha256: string, principal: Principal): Entry {
  return { sha256: Buffer.from(sha256), principal }
}

function matched(entries: ReadonlyMap<string, Entry>, sha256: string): Principal | undefined {
  const entry = entries.get(sha256)
  return entry !== undefined && timingSafeEqual(entry.sha256, Buffer.from(sha256)) ? entry.principal : undefined
}

function principalOf({ id, permissions, models, accounts }: KeyRule): Principal {
  return { keyId: id, accounts, permissions: new Set(permissions), models }
}

function principalOfRow({ id, accountId, permissions, models, expires }: KeyRow): Principal {
  return {
    keyId: id,
    accounts: [accountId],
    permissions: new Set(permissions as Permission[]),
    models,
    ...(expires !== undefined && { expires }),
  }
}
