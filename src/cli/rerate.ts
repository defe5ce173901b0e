import { openCatalog } from '../catalog/index.ts'
import { ConfigError, loadConfig } from '../config/load.ts'
import { GatewayError } from '../error/index.ts'
import { catalogPricing } from '../ledger/pricing.ts'
import { openStore, storeLocation } from '../store/open.ts'
import type { StoreFlags, Surroundings } from './keys.ts'
import { timeOf } from './time.ts'

/** What `switchyard usage rerate` takes on the command line. */
export interface RerateFlags extends StoreFlags {
  readonly since?: string | undefined
  readonly asOf?: string | undefined
}

/**
 * Computes the cost of calls anew by the price list of this version, and corrects sums and charges with it: of calls since a time, or of
 * all; by the prices of their own time, or of another. Resolves with the exit code.
 */
export async function rerate(flags: RerateFlags, { env, stdout, stderr }: Surroundings): Promise<number> {
  try {
    const since = flags.since === undefined ? 0 : readTime('--since', flags.since)
    const asOf = flags.asOf === undefined ? undefined : readTime('--as-of', flags.asOf)
    const { data_dir: folder } = loadConfig({ path: flags.config, env, flags: { dataDir: flags.dataDir } })
    const pricing = catalogPricing(openCatalog())
    const store = await openStore(storeLocation(env, folder))
    try {
      const { looked, changed } = await store.ledger.rerate(since, (row) => {
        const { vendor, model, usage, started, costNanoUsd, priceVersion } = row
        // What no model answered cost nothing by any price list.
        if (vendor === '' || (costNanoUsd === 0n && priceVersion === '')) return { costNanoUsd, priceVersion }
        const cost = pricing.cost(vendor, model, usage, asOf ?? started)
        return { costNanoUsd: cost?.nanoUsd, priceVersion: cost?.version ?? '' }
      })
      stdout.write(`${looked} calls looked at, ${changed} have another cost now\n`)
      return 0
    } finally {
      await store.close()
    }
  } catch (error) {
    if (!(error instanceof GatewayError) && !(error instanceof ConfigError)) throw error
    stderr.write(`switchyard: ${error.message}\n`)
    return 1
  }
}

function readTime(flag: string, text: string): number {
  const time = timeOf(text)
  if (!Number.isNaN(time)) return time
  throw new ConfigError([`${flag}: a date (2026-03-01), a time (2026-03-01T12:00:00Z), or how long ago (24h, 7d)`])
}
