import { fail } from '../error/index.ts'
import { isPriceKey, pricedClasses, type PricedClass, type PriceKey } from './classes.ts'
import type { ConditionalPrice, Constraint, PriceSet, TieredPrice } from './shape.ts'

/** What one unit costs once the whole input has more than `above` tokens, in parts of a nano-USD (see {@link partsOfNano}). */
interface Step {
  readonly above: number
  readonly parts: bigint
}

/** The price of one class of a model. */
export interface Rate {
  readonly priced: PricedClass
  /** Places of the classes around it among the rates of the same price. */
  readonly within: readonly number[]
  /** Ascending; the first is above nothing. */
  readonly steps: readonly Step[]
}

/** What a model costs at some time. Made by a catalog, spent by `cost`. */
export interface Price {
  /** The catalog it is from, to be kept beside every cost: `genai-prices 2026-08-21`. */
  readonly version: string
  /** The vendor and model of the catalog that the names meant. */
  readonly vendor: string
  readonly model: string
  /** US dollars by class, as the source lists them. Empty: the model is free. */
  readonly listed: PriceSet
  /** The narrowest classes first. */
  readonly rates: readonly Rate[]
  /** What the vendor's own batch API charges; undefined when that is not known. */
  readonly batch: readonly Rate[] | undefined
}

/** Into how many parts a nano-USD is divided, so that every price in the catalog and a per cent of it is a whole number of parts. */
export const partsOfNano = 10n ** 20n

/** Share of the usual prices that is paid, in per cent. */
interface Discount {
  readonly percent: number
  readonly cachedPercent: number
}

const full: Discount = { percent: 100, cachedPercent: 100 }

/** Where a price comes from. */
export type PriceOrigin = Pick<Price, 'version' | 'vendor' | 'model'>

/** Makes a price ready to be spent. Throws `internal` for a price that is negative or has too many decimals. */
export function priceOf(origin: PriceOrigin, listed: PriceSet, discount: Discount | undefined): Price {
  return {
    ...origin,
    listed,
    rates: ratesOf(listed, full),
    batch: discount && ratesOf(listed, discount),
  }
}

function ratesOf(listed: PriceSet, { percent, cachedPercent }: Discount): Rate[] {
  const keys = Object.keys(listed).filter(isPriceKey)
  const narrowest = keys.toSorted((a, b) => pricedClasses[b].within.length - pricedClasses[a].within.length)
  return narrowest.map((key) => {
    const priced = pricedClasses[key]
    const share = priced.cached === true ? cachedPercent : percent
    return { priced, within: placesOf(priced.within, narrowest), steps: stepsOf(key, listed[key], share, priced.per) }
  })
}

function placesOf(keys: readonly PriceKey[], among: readonly PriceKey[]): number[] {
  return keys.map((key) => among.indexOf(key)).filter((place) => place >= 0)
}

function stepsOf(key: PriceKey, price: number | TieredPrice | undefined, percent: number, per: bigint): Step[] {
  const { base, tiers } = typeof price === 'object' ? price : { base: price ?? 0, tiers: [] }
  const steps = [{ start: -1, price: base }, ...tiers]
  return steps.map((step) => ({ above: step.start, parts: partsPerUnit(key, step.price, percent, per) }))
}

/** Exact: a number is taken as the decimal that it is written as. */
function partsPerUnit(key: PriceKey, dollars: number, percent: number, per: bigint): bigint {
  const [, whole = '', fraction = '', exponent = '0'] = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(dollars)) ?? []
  if (whole === '') throw fail('internal', `the catalog's ${key} is no price: ${dollars}`)
  const decimals = fraction.length - Number(exponent)
  const parts = BigInt(whole + fraction) * BigInt(percent) * 1_000_000_000n * partsOfNano
  const divisor = per * 100n * 10n ** BigInt(Math.max(0, decimals))
  const scaled = decimals < 0 ? parts * 10n ** BigInt(-decimals) : parts
  if (scaled % divisor !== 0n) throw fail('internal', `the catalog's ${key} has too many decimals: ${dollars}`)
  return scaled / divisor
}

/** Tells whether a price holds at a time, in milliseconds since the epoch. */
export type Condition = (at: number) => boolean

/** Makes a constraint ready to be asked. Throws `internal` for a date or time that cannot be read. */
export function conditionOf(constraint: Constraint | undefined): Condition {
  if (constraint === undefined) return () => true
  if ('start_date' in constraint) {
    const start = Date.parse(`${constraint.start_date}T00:00:00Z`)
    if (Number.isNaN(start)) throw fail('internal', `the catalog has no such day: ${constraint.start_date}`)
    return (at) => at >= start
  }
  const start = timeOfDay(constraint.start_time)
  const end = timeOfDay(constraint.end_time)
  return (at) => {
    const time = ((at % day) + day) % day
    return end < start ? time >= start || time < end : time >= start && time < end
  }
}

const day = 86_400_000

/** Milliseconds after midnight UTC of a time such as `16:30:00Z` or `00:30:00+08:00`. */
function timeOfDay(text: string): number {
  const time = Date.parse(`1970-01-02T${text}`)
  if (Number.isNaN(time)) throw fail('internal', `the catalog has no such time of day: ${text}`)
  return time % day
}

/** The prices of a model, as conditions and sets; one without a condition is a set alone. */
export function conditionsOf(prices: PriceSet | readonly ConditionalPrice[]): readonly ConditionalPrice[] {
  return isList(prices) ? prices : [{ prices }]
}

function isList(prices: PriceSet | readonly ConditionalPrice[]): prices is readonly ConditionalPrice[] {
  return Array.isArray(prices)
}
