import type { Usage, UsageDimension } from '#gen/switchyard/v1/usage_pb.ts'
import type { Percentiles } from '../model/histogram.ts'
import type { AccountScope, Page, PageRequest } from './scope.ts'

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
