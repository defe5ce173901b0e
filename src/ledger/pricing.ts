import { cost, openCatalog } from '../catalog/index.ts'
import type { Pricing } from '../core/contract.ts'

/** Prices calls by the catalog that is shipped with the gateway. */
export function catalogPricing(): Pricing {
  const catalog = openCatalog()
  return {
    cost(vendor, model, usage, at) {
      const price = catalog.price(vendor, model, new Date(at))
      const nanoUsd = price && cost(usage, price)
      return price === undefined || nanoUsd === undefined ? undefined : { nanoUsd, version: price.version }
    },
  }
}
