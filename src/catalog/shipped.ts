import { readFileSync } from 'node:fs'
import type { BatchFile, CatalogData, LimitsFile, PriceFile } from './shape.ts'

/** The data that is shipped with the gateway. Throws when a file is missing or no JSON; their shape is proved by tests. */
export function shippedData(): CatalogData {
  return {
    prices: read('prices.json') as PriceFile,
    batch: read('batch.json') as BatchFile,
    limits: () => read('models.json') as LimitsFile,
  }
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`data/${name}`, import.meta.url), 'utf8'))
}
