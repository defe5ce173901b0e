import { UsageDimension } from '#gen/switchyard/v1/usage_pb.ts'
import { fail } from '../../error/index.ts'
import type { AccountScope, RequestFilter } from '../contract.ts'
import { type Condition, equalities, every, inScope } from './conditions.ts'
import type { SqlEngine } from './engine.ts'
import type { Dimension } from './sum-columns.ts'
import type { Span } from './usage-range.ts'

/** What is asked of usage, as far as SQL can say it. */
export interface Question {
  readonly groupBy: readonly UsageDimension[]
  readonly span: Span
  /** Columns that results are kept apart by. */
  readonly dimensions: readonly Dimension[]
  /** Whether results are kept apart by time too. */
  readonly byTime: boolean
  readonly byHour: boolean
  /** Which calls count, by their dimensions; undefined for all. */
  readonly condition: Condition | undefined
}

/** What results are kept apart by: the time as the beginning of an hour or day, and dimensions by their columns. */
export type Key = { readonly start?: bigint } & { readonly [Column in Dimension]?: string }

const columns: Readonly<Partial<Record<UsageDimension, Dimension>>> = {
  [UsageDimension.PROVIDER]: 'provider',
  [UsageDimension.MODEL]: 'model',
  [UsageDimension.ALIAS]: 'alias',
  [UsageDimension.KEY]: 'key_id',
  [UsageDimension.ACCOUNT]: 'account_id',
  [UsageDimension.OPERATION]: 'operation',
  [UsageDimension.DIALECT]: 'dialect',
  [UsageDimension.STATUS]: 'status',
}

/** How many characters of a time in ISO 8601 tell one from another, and how the text goes on where it begins. */
const units: Readonly<Partial<Record<UsageDimension, { readonly told: number; readonly rest: string }>>> = {
  [UsageDimension.HOUR]: { told: 13, rest: ':00:00Z' },
  [UsageDimension.DAY]: { told: 10, rest: 'T00:00:00Z' },
  [UsageDimension.MONTH]: { told: 7, rest: '-01T00:00:00Z' },
}

/** Reads what is asked. Throws `invalid_request` for a dimension there is none of. */
export function questionOf(
  engine: SqlEngine,
  { since, until, ...filter }: RequestFilter,
  groupBy: readonly UsageDimension[],
  scope: AccountScope,
): Question {
  if (groupBy.some((dimension) => columns[dimension] === undefined && units[dimension] === undefined))
    throw fail('invalid_request', 'usage cannot be grouped by this', { param: 'group_by' })
  const conditions = [...equalities(filter), inScope(engine, scope, 'account_id')].filter((one) => one !== undefined)
  return {
    groupBy,
    span: {
      from: since === undefined ? Number.NEGATIVE_INFINITY : Math.ceil(since),
      to: until === undefined ? Number.POSITIVE_INFINITY : Math.ceil(until),
    },
    dimensions: [...new Set(groupBy.map((dimension) => columns[dimension]))].filter((column) => column !== undefined),
    byTime: groupBy.some((dimension) => units[dimension] !== undefined),
    byHour: groupBy.includes(UsageDimension.HOUR),
    condition: conditions.length === 0 ? undefined : every(conditions),
  }
}

/** The values of the dimensions asked for, in the order they were asked. */
export function groupOf({ groupBy }: Question, key: Key): readonly string[] {
  const time = key.start === undefined ? '' : new Date(Number(key.start)).toISOString()
  return groupBy.map((dimension) => {
    const unit = units[dimension]
    if (unit !== undefined) return time.slice(0, unit.told) + unit.rest
    const column = columns[dimension]
    return column === undefined ? '' : (key[column] ?? '')
  })
}
