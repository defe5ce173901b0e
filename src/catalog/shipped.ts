import { readFileSync } from 'node:fs'
import type { BatchFile, CatalogData, LimitsFile, PriceFile } from './shape.ts'

/** The data that is shipped with the gateway. Throws when a file is missing or no JSON; their shape is proved by tests. */
export function shippedData(): CatalogData {
  return {
    prices: read<PriceFile>('prices.json'),
    batch: read<BatchFile>('batch.json'),
    limits: () => read<LimitsFile>('models.json'),
  }
}

function read<File>(name: string): File {
  return JSON.parse(readFileSync(new URL(`data/${name}`, import.meta.url), 'utf8')) as File
}
