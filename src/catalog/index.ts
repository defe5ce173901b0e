/** Models and their prices, and what a usage costs. */
export { openCatalog } from './catalog.ts'
export { cost } from './cost.ts'
export type { Price } from './price.ts'
