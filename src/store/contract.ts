import type { BatchStore } from './batches-contract.ts'
import type { FileStore } from './files-contract.ts'
import type { IdempotencyStore } from './idempotency-contract.ts'
import type { LedgerStore } from './ledger-contract.ts'
import type { AccountScope, Page, PageRequest } from './scope.ts'
import type { VideoStore } from './videos-contract.ts'

export * from './batches-contract.ts'
export * from './files-contract.ts'
export * from './idempotency-contract.ts'
export * from './ledger-contract.ts'
export * from './scope.ts'
export * from './videos-contract.ts'

/*
 * What the gateway keeps beyond the life of a process. One contract, two engines, one suite that runs on both.
 * Times are whole milliseconds since the epoch, durations milliseconds, money integer nano-USD (billionths of a US dollar).
 * Every method rejects with a `GatewayError`: `conflict` and `not_found` where they say so, `store_unavailable` when the database
 * cannot be reached or does not answer in time, `internal` for anything else.
 */

// ---------------------------------------------------------------- registry

/** A secret as it lies in the store: AES-256-GCM, base64url parts, and which master key sealed it. */
export interface SealedSecret {
  readonly keyId: string
  readonly nonce: string
  /** Cipher text and tag. */
  readonly sealed: string
}

/** Where a provider's key comes from: a variable or file of the gateway's own machine, or the store itself. */
export type SecretSource =
  | { readonly kind: 'none' }
  | { readonly kind: 'env'; readonly variable: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stored'; readonly secret: SealedSecret }

/** A provider that was registered through the API. Configured ones are not in the store. */
export interface ProviderRow {
  /** Eight hex digits. */
  readonly id: string
  readonly name: string
  readonly type: string
  readonly defaultModel: string
  readonly baseUrl: string
  /** JSON object, as the plugin's settings schema takes it. */
  readonly settings: string
  readonly secret: SecretSource
  readonly created: number
  readonly updated: number
}

/** A model that a provider said it has. */
export interface ModelRow {
  /** Name of the provider, configured or registered. */
  readonly provider: string
  readonly model: string
  readonly firstSeen: number
  readonly lastSeen: number
  /** The `switchyard.v1.Model` as proto JSON, without its times of sight. */
  readonly facts: string
}

/** A target of an alias. Targets of equal order share traffic by weight; a higher order is a fallback. */
export interface AliasTargetRow {
  /** Empty: the model is another alias. */
  readonly provider: string
  /** Empty: the provider's default model. */
  readonly model: string
  readonly order: number
  readonly weight: number
}

/** A client-facing model name and where it leads. */
export interface AliasRow {
  readonly name: string
  readonly targets: readonly AliasTargetRow[]
  readonly updated: number
}

/** Providers, models and aliases that were registered at run time. */
export interface RegistryStore {
  providers(): Promise<readonly ProviderRow[]>
  /** Forgets the models that were seen under its name before. `conflict` when the name or id is taken. */
  createProvider(row: ProviderRow): Promise<void>
  /**
   * Replaces the row of that id, which takes its models with it to a new name. `not_found`; `conflict` when the new name is taken, or
   * the row is no longer the one that was `updated` then.
   */
  updateProvider(row: ProviderRow, since: number): Promise<void>
  /** Takes its models with it. `not_found`. */
  deleteProvider(id: string): Promise<void>
  models(): Promise<readonly ModelRow[]>
  /** Stores what a provider lists now: new models are first seen `at`, all of them last seen `at`; others of the provider stay as they are. */
  sawModels(provider: string, models: readonly Pick<ModelRow, 'model' | 'facts'>[], at: number): Promise<void>
  aliases(): Promise<readonly AliasRow[]>
  /** Creates or replaces. */
  setAlias(row: AliasRow): Promise<void>
  /** `not_found`. */
  deleteAlias(name: string): Promise<void>
}

// ---------------------------------------------------------------- accounts and keys

/** A tenant. */
export interface AccountRow {
  readonly id: string
  readonly name: string
  readonly created: number
  /** Whether prompts and answers of this account are kept, for a time. */
  readonly logContent: boolean
}

/** A key: never the key itself, only what it hashes to. */
export interface KeyRow {
  readonly id: string
  readonly accountId: string
  readonly name: string
  /** SHA-256 of the whole key, 64 lower-case hex digits. */
  readonly sha256: string
  readonly permissions: readonly string[]
  /** Model names or prefixes ending in `*`; empty means all. */
  readonly models: readonly string[]
  readonly created: number
  readonly expires: number | undefined
  readonly revoked: number | undefined
  readonly limits: {
    readonly requestsPerMinute: number
    readonly tokensPerMinute: number
    readonly concurrentRequests: number
  }
}

/** What an account has been charged: the sum of the costs of its rows. */
export interface AccountCharge {
  readonly accountId: string
  readonly nanoUsd: bigint
  readonly requests: bigint
}

/** Accounts and their keys. The default account is always there. */
export interface AccountStore {
  /** `conflict` when the id or name is taken. */
  createAccount(row: AccountRow): Promise<void>
  /** Replaces name and consent of the row of that id. `not_found`; `conflict` when the new name is taken. */
  updateAccount(row: Pick<AccountRow, 'id' | 'name' | 'logContent'>): Promise<void>
  accounts(scope: AccountScope, page: PageRequest): Promise<Page<AccountRow>>
  /** `not_found` for an unknown account, `conflict` when the id is taken. */
  createKey(row: KeyRow): Promise<void>
  keys(scope: AccountScope, page: PageRequest): Promise<Page<KeyRow>>
  /** Revokes a key within the scope, and gives it; one that is revoked already keeps its time. `not_found`. */
  revokeKey(id: string, scope: AccountScope, at: number): Promise<KeyRow>
  /** Deletes a key as if it had never been, for one that nobody was shown. Does nothing where there is none of that id and hash. */
  forgetKey(id: string, sha256: string): Promise<void>
  /** Every key that may still be used `at` that time, for the cache of who may call. */
  usableKeys(at: number): Promise<readonly KeyRow[]>
  /** Whether there ever was a key, revoked and expired ones included. */
  everHadKeys(): Promise<boolean>
  allAccounts(): Promise<readonly AccountRow[]>
  charges(scope: AccountScope): Promise<readonly AccountCharge[]>
}

// ---------------------------------------------------------------- the store

/** Everything that is kept. Made by an engine's `open`, which brings the schema up to date. */
export interface Store {
  readonly engine: 'sqlite' | 'postgres'
  readonly registry: RegistryStore
  readonly accounts: AccountStore
  readonly ledger: LedgerStore
  readonly batches: BatchStore
  readonly files: FileStore
  readonly idempotency: IdempotencyStore
  readonly videos: VideoStore
  /** Counts up with every change of registry, accounts and keys, whoever made it. */
  revision(): Promise<bigint>
  /**
   * Calls back soon after the revision changed since the store was opened, also by another process: within a second. Errors are told to `failed` and watching
   * goes on. Gives what ends it.
   */
  watch(changed: () => void, failed: (error: unknown) => void): () => void
  /**
   * Writes a copy of the whole store, taken at one moment, to a file that must not exist, while the store is in use. The format is the
   * same for every engine, so that a copy of one can be read into another. `conflict` when the file exists.
   */
  backup(file: string): Promise<void>
  close(): Promise<void>
}
