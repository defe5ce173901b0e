import type { Catalog } from '../catalog/catalog.ts'
import { cost } from '../catalog/index.ts'
import type { Pricing } from '../core/contract.ts'

/** Prices calls by a catalog. */
export function catalogPricing(catalog: Pick<Catalog, 'price'>): Pricing {
  return {
    cost(vendor, model, usage, at) {
      const price = catalog.price(vendor, model, new Date(at))
      const nanoUsd = price && cost(usage, price)
      return price === undefined || nanoUsd === undefined ? undefined : { nanoUsd, version: price.version }
    },
  }
}
