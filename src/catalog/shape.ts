import type { Clause } from './clause.ts'
import type { PriceKey } from './classes.ts'

/*
 * The files in `data/`, as the generator writes them. Vendors and models stay in the order of their source: the first that matches
 * a name is the one that is meant.
 */

/** A price in US dollars that rises once the whole input has more than `start` tokens; then all tokens cost the higher price. */
export interface TieredPrice {
  readonly base: number
  readonly tiers: readonly { readonly start: number; readonly price: number }[]
}

/** What one unit of each class costs, in US dollars. Empty: the model is free. A class without a price costs what its whole costs. */
export type PriceSet = { readonly [Key in PriceKey]?: number | TieredPrice }

/** When a price holds: from midnight UTC of a day on, or every day from one time (inclusive) to another (exclusive). */
export type Constraint = { readonly start_date: string } | { readonly start_time: string; readonly end_time: string }

/** A price that holds at times. Of several, the last whose constraint holds counts, and the first when none does. */
export interface ConditionalPrice {
  readonly constraint?: Constraint | undefined
  readonly prices: PriceSet
}

/** A model that a vendor has a price for; without `prices` the source knows the model, but not what it costs. */
export interface PricedModel {
  readonly id: string
  readonly match: Clause
  /** Tokens. */
  readonly context?: number | undefined
  readonly prices?: PriceSet | readonly ConditionalPrice[] | undefined
}

/** A vendor and its models. */
export interface PricedVendor {
  readonly id: string
  /** Other words for the vendor. */
  readonly match?: Clause | undefined
  /** Vendors whose models it offers as well, at the same prices. */
  readonly fallback?: readonly string[] | undefined
  readonly models: readonly PricedModel[]
}

/** `data/prices.json`. */
export interface PriceFile {
  readonly version: string
  readonly vendors: readonly PricedVendor[]
}

/** Context tokens and most output tokens (0 when unknown), input modalities and output modalities (words between spaces). */
export type ModelLimits = readonly [context: number, output: number, input: string, output: string]

/** `data/models.json`: limits by vendor and model. */
export interface LimitsFile {
  readonly version: string
  readonly vendors: Readonly<Record<string, Readonly<Record<string, ModelLimits>>>>
}

/** `data/batch.json`, kept by hand: what a vendor's own batch API charges of its usual prices, in per cent. */
export type BatchFile = Readonly<
  Record<string, { readonly percent: number; readonly cachedPercent: number; readonly source: string }>
>

/** The files of a catalog, parsed. */
export interface CatalogData {
  readonly prices: PriceFile
  readonly batch: BatchFile
  /** Called once, when the first model is asked for. */
  readonly limits: () => LimitsFile
}
