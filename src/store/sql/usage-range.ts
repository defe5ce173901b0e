/** A span of time, `from` inclusive, `to` exclusive, in milliseconds since the epoch; infinite where there is no bound. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** What together is exactly the time asked for: whole days, whole hours beside them, and pieces of hours at the edges. */
export interface Parts {
  readonly days: readonly Span[]
  readonly hours: readonly Span[]
  readonly rows: readonly Span[]
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/**
 * Splits a span so that as much as possible is read from sums of days, then of hours, and only the rest from rows. Before `kept` there
 * are no rows any more: an hour there counts when it begins within the span.
 */
export function split({ from, to }: Span, kept: number, byHour: boolean): Parts {
  if (!(from < to)) return { days: [], hours: [], rows: [] }
  const first = ceil(from, hourMs)
  const last = to < kept ? ceil(to, hourMs) : floor(to, hourMs)
  if (first > last) return { days: [], hours: [], rows: from < kept ? [] : [{ from, to }] }
  const rows = [
    { from: Math.max(from, kept), to: first },
    { from: Math.max(last, kept), to },
  ]
  const firstDay = ceil(first, dayMs)
  const lastDay = floor(last, dayMs)
  if (byHour || firstDay >= lastDay) return { days: [], hours: filled([{ from: first, to: last }]), rows: filled(rows) }
  return {
    days: [{ from: firstDay, to: lastDay }],
    hours: filled([
      { from: first, to: firstDay },
      { from: lastDay, to: last },
    ]),
    rows: filled(rows),
  }
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
