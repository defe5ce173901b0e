import { type RawBuilder, sql } from 'kysely'
import type { AccountScope, RequestFilter } from '../contract.ts'
import type { Place } from './cursor.ts'
import type { SqlEngine } from './engine.ts'

/** A condition of a query. */
export type Condition = RawBuilder<boolean>

/** All of the conditions that there are. */
export function every(conditions: readonly (Condition | undefined)[]): Condition {
  const given = conditions.filter((condition) => condition !== undefined)
  return given.length === 0 ? sql<boolean>`1 = 1` : sql<boolean>`${sql.join(given, sql` and `)}`
}

/** That a row belongs to the scope, by the column that holds its account; undefined where every row does. */
export function inScope(engine: SqlEngine, scope: AccountScope, column: string): Condition | undefined {
  return scope === 'all' ? undefined : engine.isAnyOf(column, scope)
}

/** That a row comes after the place, in a listing by this time and the id. */
export function after(
  place: Place | undefined,
  timeColumn: string,
  order: 'oldest first' | 'newest first',
): Condition | undefined {
  if (place === undefined) return undefined
  const row = sql`(${sql.ref(timeColumn)}, ${sql.ref('id')})`
  const end = sql`(${place.time}, ${place.id})`
  return order === 'oldest first' ? sql<boolean>`${row} > ${end}` : sql<boolean>`${row} < ${end}`
}

const filterColumns = {
  provider: 'provider',
  model: 'model',
  alias: 'alias',
  keyId: 'key_id',
  accountId: 'account_id',
  operation: 'operation',
  dialect: 'dialect',
  status: 'status',
} as const satisfies Record<Exclude<keyof RequestFilter, 'since' | 'until'>, string>

/** The conditions of a filter on what calls are told apart by. */
export function equalities(filter: Omit<RequestFilter, 'since' | 'until'>): Condition[] {
  return Object.entries(filterColumns).flatMap(([field, column]) => {
    const value = filter[field as keyof typeof filterColumns]
    return value === undefined ? [] : [sql<boolean>`${sql.ref(column)} = ${value}`]
  })
}

/** The conditions of a filter on rows of the request log. */
export function matching(filter: RequestFilter): Condition[] {
  const { since, until } = filter
  return [
    ...equalities(filter),
    ...(since === undefined ? [] : [sql<boolean>`started >= ${Math.ceil(since)}`]),
    ...(until === undefined ? [] : [sql<boolean>`started < ${Math.ceil(until)}`]),
  ]
}
