/** Models and their prices, and what a usage costs. */
export { openCatalog, type Catalog, type CatalogModel } from './catalog.ts'
export { cost, type CostOptions } from './cost.ts'
export type { Price } from './price.ts'
