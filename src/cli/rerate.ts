import { openCatalog } from '../catalog/index.ts'
import { ConfigError } from '../config/load.ts'
import { operations } from '../core/operations/index.ts'
import { catalogPricing } from '../ledger/pricing.ts'
import { onStore, type StoreFlags } from './on-store.ts'
import type { Surroundings } from './surroundings.ts'
import { timeForm, timeOf } from './time.ts'

/** What `switchyard usage rerate` takes on the command line. */
export interface RerateFlags extends StoreFlags {
  readonly since?: string | undefined
  readonly asOf?: string | undefined
}

/**
 * Computes the cost of calls anew by the price list of this version, and corrects sums and charges with it: of calls since a time, or of
 * all; by the prices of their own time, or of another. Resolves with the exit code.
 */
export function rerate(flags: RerateFlags, process: Surroundings): Promise<number> {
  return onStore(flags, process, async ({ ledger }) => {
    const since = flags.since === undefined ? 0 : readTime('--since', flags.since)
    const asOf = flags.asOf === undefined ? undefined : readTime('--as-of', flags.asOf)
    const pricing = catalogPricing(openCatalog())
    const { looked, changed } = await ledger.rerate(since, (row) => {
      const { vendor, model, usage, started, costNanoUsd, priceVersion } = row
      // What no model answered cost nothing by any price list.
      if (vendor === '' || (costNanoUsd === 0n && priceVersion === '')) return { costNanoUsd, priceVersion }
      // Nobody told what the answer was, and it is no text: no price list knows what that costs.
      if (costNanoUsd === undefined && usage.estimated && isWordless(row.operation))
        return { costNanoUsd, priceVersion }
      const cost = pricing.cost(vendor, model, usage, asOf ?? started)
      return { costNanoUsd: cost?.nanoUsd, priceVersion: cost?.version ?? '' }
    })
    process.stdout.write(`${looked} calls looked at, ${changed} have another cost now\n`)
  })
}

function isWordless(name: string): boolean {
  return Object.values(operations).some((operation) => operation.name === name && operation.wordless === true)
}

function readTime(flag: string, text: string): number {
  const time = timeOf(text)
  if (Number.isNaN(time)) throw new ConfigError([`${flag}: ${timeForm}`])
  return time
}
