import { usageFields } from './usage-fields.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The columns of a call that sums are kept apart by. */
export const dimensions = [
  'account_id',
  'key_id',
  'provider',
  'model',
  'alias',
  'operation',
  'dialect',
  'status',
] as const

/** One of them. */
export type Dimension = (typeof dimensions)[number]

/** The tables of one span of time. */
export interface SumTables {
  readonly spanMs: number
  readonly sums: 'usage_hour' | 'usage_day'
  readonly histograms: 'histogram_hour' | 'histogram_day'
}

/** Hours and days, in UTC. */
export const spans = {
  hour: { spanMs: hourMs, sums: 'usage_hour', histograms: 'histogram_hour' },
  day: { spanMs: dayMs, sums: 'usage_day', histograms: 'histogram_day' },
} as const satisfies Record<string, SumTables>

/** The columns that are summed, beside the counted fields of usage. */
const sumColumns = [
  'requests',
  'errors',
  'estimated',
  'unpriced',
  'cost_nano_usd',
  'duration_us',
  'first_events',
  'first_event_us',
] as const

/** Every summed column. */
export const summed = [...sumColumns, ...usageFields.map(([, column]) => column)] as const

/** One of them. */
export type Summed = (typeof summed)[number]

/** Which of a call's times a histogram is about. */
export const metrics = { duration: 0, firstEvent: 1 } as const
