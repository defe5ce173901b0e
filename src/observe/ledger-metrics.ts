import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client'

/** How the request log is doing, as metrics. */
export interface LedgerMetrics {
  /** Calls waited so many seconds for what they handed over to be durable. */
  committed(seconds: number): void
  /** So many rows have reached the store. */
  moved(rows: number): void
  /** A refused call could not be kept. */
  dropped(): void
  /** From now on a scrape tells what lies in the spool, which may take so many bytes. */
  watch(state: () => SpoolLevels, limitBytes: number): void
}

/** What lies in the spool. */
export interface SpoolLevels {
  readonly bytes: number
  readonly open: number
  readonly waiting: number
  readonly lost: number
  readonly aside: number
}

const commitBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]
const kinds = ['open', 'waiting', 'lost', 'aside'] as const satisfies readonly (keyof SpoolLevels)[]

/** The metrics of the request log, in a registry. */
export function ledgerMetrics(registry: Registry): LedgerMetrics {
  const registers = [registry]
  const commits = new Histogram({
    name: 'switchyard_ledger_commit_seconds',
    help: 'From handing over intents and settlements until they are durable.',
    buckets: commitBuckets,
    registers,
  })
  const moved = new Counter({
    name: 'switchyard_ledger_moved_rows_total',
    help: 'Rows that have reached the store from the spool.',
    registers,
  })
  const dropped = new Counter({
    name: 'switchyard_ledger_dropped_refusals_total',
    help: 'Refused calls without a row, because the spool took none.',
    registers,
  })
  let levels: (() => SpoolLevels) | undefined
  const bytes: Gauge = new Gauge({
    name: 'switchyard_ledger_spool_bytes',
    help: 'Bytes of the spool that are in use.',
    registers,
    collect: (): void => bytes.set(levels?.().bytes ?? 0),
  })
  const limit = new Gauge({
    name: 'switchyard_ledger_spool_limit_bytes',
    help: 'Bytes that the spool may take; before they are used up, calls are refused.',
    registers,
  })
  const rows = new Gauge({
    name: 'switchyard_ledger_spool_rows',
    help: 'Calls in the spool: open ones, settled ones that wait for the store, lost ones, and those the store refuses.',
    labelNames: ['kind'],
    registers,
    collect: () => {
      const now = levels?.()
      for (const kind of kinds) rows.set({ kind }, now?.[kind] ?? 0)
    },
  })
  return {
    committed: (seconds) => commits.observe(seconds),
    moved: (count) => moved.inc(count),
    dropped: () => dropped.inc(),
    watch: (state, limitBytes) => {
      levels = state
      limit.set(limitBytes)
    },
  }
}
