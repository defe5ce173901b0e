/** A span of time, `from` inclusive, `to` exclusive, in milliseconds since the epoch; infinite where there is no bound. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** What together is exactly the time asked for. */
export interface Parts {
  /** Whole days. */
  readonly days: readonly Span[]
  /** Whole hours beside them. */
  readonly hours: readonly Span[]
  /** Pieces of hours, at most a half of one at either end. */
  readonly rows: readonly Span[]
  /** Pieces of those days and hours that were not asked for, and are taken off again. */
  readonly rowsLess: readonly Span[]
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/**
 * Splits a span so that as much as possible is read from sums of days, then of hours, and as little as possible from rows: an edge is
 * moved to the hour that is nearer. Before `kept` there are no rows any more: an hour there counts when it begins within the span.
 */
export function split({ from, to }: Span, kept: number, byHour: boolean): Parts {
  if (!(from < to)) return { days: [], hours: [], rows: [], rowsLess: [] }
  const first = from < kept ? ceil(from, hourMs) : round(from)
  const last = to < kept ? ceil(to, hourMs) : round(to)
  const rows = filled([
    { from: Math.max(from, kept), to: first },
    { from: Math.max(last, kept), to },
  ])
  const rowsLess = filled([
    { from: first, to: Math.max(from, first) },
    { from: to, to: to < kept ? to : last },
  ])
  if (from >= kept && to - from <= length([...rows, ...rowsLess]))
    return { days: [], hours: [], rows: [{ from, to }], rowsLess: [] }
  const firstDay = ceil(first, dayMs)
  const lastDay = floor(last, dayMs)
  if (byHour || firstDay >= lastDay) return { days: [], hours: filled([{ from: first, to: last }]), rows, rowsLess }
  const hours = filled([
    { from: first, to: firstDay },
    { from: lastDay, to: last },
  ])
  return { days: [{ from: firstDay, to: lastDay }], hours, rows, rowsLess }
}

function length(spans: readonly Span[]): number {
  return spans.reduce((sum, { from, to }) => sum + to - from, 0)
}

function filled(spans: readonly Span[]): readonly Span[] {
  return spans.filter(({ from, to }) => from < to)
}

function floor(time: number, unit: number): number {
  return Number.isFinite(time) ? Math.floor(time / unit) * unit : time
}

function ceil(time: number, unit: number): number {
  return Number.isFinite(time) ? Math.ceil(time / unit) * unit : time
}

function round(time: number): number {
  return floor(time + hourMs / 2, hourMs)
}
