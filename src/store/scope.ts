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
