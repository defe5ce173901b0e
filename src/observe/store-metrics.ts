import { Gauge, type Registry } from '@prometheus-io/client'

/** How the store is doing, as a metric. */
export interface StoreMetrics {
  /** From now on a scrape tells whether the store answers. */
  watch(isUp: () => boolean): void
}

/** The metric of the store, in a registry. Without anybody who knows, the store counts as away. */
export function storeMetrics(registry: Registry): StoreMetrics {
  let read: (() => boolean) | undefined
  const up: Gauge = new Gauge({
    name: 'switchyard_store_up',
    help: 'Whether the store answered when it was last asked: 1, or 0. Calls go on without it.',
    registers: [registry],
    collect: (): void => up.set(read?.() === true ? 1 : 0),
  })
  return {
    watch: (isUp) => {
      read = isUp
    },
  }
}
