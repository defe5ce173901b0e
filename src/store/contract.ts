import type { Usage, UsageDimension } from '#gen/switchyard/v1/usage_pb.ts'
import type { Percentiles } from '../model/histogram.ts'

/*
 * What the gateway keeps beyond the life of a process. One contract, two engines, one suite that runs on both.
 * Times are whole milliseconds since the epoch, durations milliseconds, money integer nano-USD (billionths of a US dollar).
 * Every method rejects with a `GatewayError`: `conflict` and `not_found` where they say so, `store_unavailable` when the database
 * cannot be reached or does not answer in time, `internal` for anything else.
 */

/** The account of callers that have no other: of the open gateway, and of configured keys without an account. */
export const defaultAccountId = 'default'

/** Which accounts' rows a query may see: all of them, or only those listed. An empty list sees nothing. */
export type AccountScope = 'all' | readonly string[]

/** One page of a listing. */
export interface Page<Row> {
  readonly rows: readonly Row[]
  /** Where the next page begins; undefined on the last one. Opaque to clients. */
  readonly nextCursor: string | undefined
}

/** Which page: at most `limit` rows after `cursor`. A cursor that cannot be read is `invalid_request`. */
export interface PageRequest {
  readonly limit: number
  readonly cursor?: string | undefined
}

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
  /** `conflict` when the name or id is taken. */
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
  /** Every key that may still be used `at` that time, for the cache of who may call. */
  usableKeys(at: number): Promise<readonly KeyRow[]>
  /** Whether there ever was a key, revoked and expired ones included. */
  everHadKeys(): Promise<boolean>
  allAccounts(): Promise<readonly AccountRow[]>
  charges(scope: AccountScope): Promise<readonly AccountCharge[]>
}

// ---------------------------------------------------------------- ledger

/** One try at one target. */
export interface AttemptRow {
  readonly provider: string
  readonly model: string
  readonly status: string
  readonly reason: string
  /** Milliseconds since the request arrived. */
  readonly began: number
  readonly duration: number
}

/** One row of the request log: a call that was settled. Holds no content. */
export interface RequestRow {
  /** Unique, UUIDv7: ids sort by time. */
  readonly id: string
  readonly accountId: string
  readonly keyId: string
  readonly dialect: string
  readonly operation: string
  readonly alias: string
  readonly provider: string
  readonly model: string
  /** What the price catalog calls the provider; empty when no target was reached. */
  readonly vendor: string
  readonly streaming: boolean
  readonly attempts: readonly AttemptRow[]
  readonly status: 'ok' | 'error' | 'cancelled'
  /** The error reason unless status is ok; `gateway_lost` where the process ended before the call did. */
  readonly reason: string
  readonly httpStatus: number
  readonly finishReasons: readonly string[]
  readonly usage: Usage
  /** Undefined: the price is not known. */
  readonly costNanoUsd: bigint | undefined
  /** The version of the catalog the cost comes from; empty when there was none. */
  readonly priceVersion: string
  readonly started: number
  readonly timeToFirstEvent: number | undefined
  readonly duration: number
  /** The `x-request-id` that the client sent; empty when it sent none. */
  readonly clientRequestId: string
  readonly upstreamRequestId: string
  readonly requestBytes: number
  /** Bytes read from the provider. */
  readonly responseBytes: number
}

/** Prompt and answer of a call whose account opted in. */
export interface ContentRow {
  readonly id: string
  readonly accountId: string
  /** JSON. */
  readonly request: string
  /** JSON. */
  readonly response: string
  readonly expires: number
}

/** Which rows count. Absent fields do not filter; `since` is inclusive, `until` exclusive, both of the time a call started. */
export interface RequestFilter {
  readonly provider?: string
  readonly model?: string
  readonly alias?: string
  readonly keyId?: string
  readonly accountId?: string
  readonly operation?: string
  readonly dialect?: string
  readonly status?: string
  readonly since?: number
  readonly until?: number
}

/** The countable fields of `switchyard.v1.Usage`, by name; `estimated` counts the calls that were. */
export type UsageSums = {
  readonly [Field in keyof Usage as Usage[Field] extends number ? Field : never]: number
} & { readonly estimatedRequests: number }

/** Sums of one group of calls. */
export interface UsageGroup {
  /** Values of the dimensions asked for, in the order they were asked. Times as RFC 3339 in UTC: hour, day and month begin there. */
  readonly group: readonly string[]
  readonly requests: bigint
  readonly errors: bigint
  readonly usage: UsageSums
  /** Undefined when no row had a known price. */
  readonly costNanoUsd: bigint | undefined
  readonly unpricedRequests: bigint
  readonly duration: Percentiles
  readonly timeToFirstEvent: Percentiles
}

/** Rows of the request log, and sums over them. */
export interface LedgerStore {
  /**
   * Takes in settled rows, each exactly once however often it is given (by id), and in the same transaction their content, the
   * sums that queries read and what their accounts are charged.
   */
  append(rows: readonly RequestRow[], content: readonly ContentRow[]): Promise<void>
  /** The row of that id, or else the newest whose client sent that id. `not_found`, also for another account's. */
  request(id: string, scope: AccountScope): Promise<RequestRow>
  /** Newest first. */
  requests(filter: RequestFilter, scope: AccountScope, page: PageRequest): Promise<Page<RequestRow>>
  /** Rows in the order they were taken in, after a position; `undefined` is now. For whoever follows the log. */
  follow(
    after: string | undefined,
    filter: RequestFilter,
    scope: AccountScope,
    limit: number,
  ): Promise<{ readonly rows: readonly RequestRow[]; readonly position: string }>
  /**
   * Groups in the order of their values, and the total of all of them; without dimensions, only the total. Exact to the millisecond
   * where rows are kept; where they were dropped, an hour counts when it begins within the time asked for. A name that led to no provider
   * counts as the empty alias.
   */
  usage(
    filter: RequestFilter,
    groupBy: readonly UsageDimension[],
    scope: AccountScope,
  ): Promise<{ readonly total: UsageGroup; readonly groups: readonly UsageGroup[] }>
  content(id: string, scope: AccountScope): Promise<ContentRow>
  /**
   * Gives every row that started at or after `since` the cost that `price` finds for it, and corrects sums and charges in the same
   * transactions. Resolves with how many rows were looked at and how many changed.
   */
  rerate(
    since: number,
    price: (row: RequestRow) => Pick<RequestRow, 'costNanoUsd' | 'priceVersion'>,
  ): Promise<{ readonly looked: number; readonly changed: number }>
  /** Drops rows that started before the hour of that time, and content that is past its time. Sums are kept. */
  retain(before: number, now: number): Promise<void>
}

// ---------------------------------------------------------------- the store

/** Everything that is kept. Made by an engine's `open`, which brings the schema up to date. */
export interface Store {
  readonly engine: 'sqlite' | 'postgres'
  readonly registry: RegistryStore
  readonly accounts: AccountStore
  readonly ledger: LedgerStore
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
