import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import type { OpenBatches } from '../store/contract.ts'

/** How work on batches is doing, as metrics. */
export interface BatchMetrics {
  /** That came of a line that was worked on. */
  tried(outcome: 'done' | 'failed' | 'again' | 'lost'): void
  /** From now on a scrape tells what there is to do, and what is being done. */
  watch(levels: () => BatchLevels): void
}

/** What there is to do, of all processes, and what this one does. */
export interface BatchLevels {
  /** As it was a few seconds ago; undefined where that is not known yet. */
  readonly open: OpenBatches | undefined
  readonly linesInFlight: number
}

/** The metrics of batches, in a registry. */
export function batchMetrics(registry: Registry): BatchMetrics {
  const registers = [registry]
  let levels: (() => BatchLevels) | undefined
  const open = (): OpenBatches | undefined => levels?.().open
  const tried = new Counter({
    name: 'switchyard_batch_lines_total',
    help: 'Lines of batches that this process worked on: done, failed, to be tried again, or lost to a process that had taken over.',
    labelNames: ['outcome'],
    registers,
  })
  for (const outcome of ['done', 'failed', 'again', 'lost']) tried.inc({ outcome }, 0)
  const inFlight: Gauge = new Gauge({
    name: 'switchyard_batch_lines_in_flight',
    help: 'Lines of batches that this process works on.',
    registers,
    collect: (): void => inFlight.set(levels?.().linesInFlight ?? 0),
  })
  const batches = new Gauge({
    name: 'switchyard_batches_open',
    help: 'Batches of the store that have not ended, by status.',
    labelNames: ['status'],
    registers,
    collect: () => {
      for (const status of ['validating', 'in_progress', 'finalizing', 'cancelling'] as const)
        batches.set({ status }, open()?.batches[status] ?? 0)
    },
  })
  const lines: Gauge = new Gauge({
    name: 'switchyard_batch_lines_open',
    help: 'Lines of those batches of which nothing came yet.',
    registers,
    collect: (): void => lines.set(open()?.lines ?? 0),
  })
  const oldest: Gauge = new Gauge({
    name: 'switchyard_batch_oldest_seconds',
    help: 'Age of the oldest of those batches; 0 where there is none.',
    registers,
    collect: (): void => {
      const created = open()?.oldest
      oldest.set(created === undefined ? 0 : Math.max(0, (Date.now() - created) / 1000))
    },
  })
  return {
    tried: (outcome) => tried.inc({ outcome }),
    watch: (read) => {
      levels = read
    },
  }
}
