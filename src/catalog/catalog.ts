import { matches } from './clause.ts'
import { operationsOf } from './operations.ts'
import { conditionOf, conditionsOf, priceOf, type Condition, type Price } from './price.ts'
import type { CatalogData, LimitsFile, ModelLimits, PricedModel, PricedVendor, PriceFile } from './shape.ts'
import { shippedData } from './shipped.ts'

/** What the catalog knows of a model beside its price. Empty and undefined are unknown. */
export interface CatalogModel {
  /** As the catalog spells it. */
  readonly id: string
  readonly contextTokens: number | undefined
  readonly maxOutputTokens: number | undefined
  /** Such as `text`, `image`, `audio`, `video`, `pdf`. */
  readonly inputModalities: readonly string[]
  readonly outputModalities: readonly string[]
  /** Methods of the inference contract that the modalities and the name speak for, such as `chat` and `embed`. */
  readonly operations: readonly string[]
}

/** Models and prices, shipped as data. A vendor is meant by the catalog's own word or by another that its source knows. */
export interface Catalog {
  /** Names the prices: `genai-prices 2026-08-21`. Kept beside every cost, so that it can be told which prices made it. */
  readonly version: string
  /** True when there are prices of that vendor. */
  hasPrices(vendor: string): boolean
  /** Limits and modalities; undefined for a model that the catalog does not know. */
  model(vendor: string, model: string): CatalogModel | undefined
  /** What the model costs at a time; undefined when that is not known. Costs a fraction of a microsecond once a name was asked for. */
  price(vendor: string, model: string, at: Date): Price | undefined
}

/** Names that are remembered at most: names come from clients, and most calls are for a few. */
const remembered = 10_000

/** Opens the catalog that is shipped with the gateway. Prices are read at once, limits when they are first asked for. */
export function openCatalog(): Catalog {
  return catalogOf(shippedData())
}

/** Makes a catalog of its files. */
export function catalogOf(data: CatalogData): Catalog {
  const { prices } = data
  let limits: LimitsFile | undefined
  const pricesOf = remember((vendor, model) => find(data, vendor, model))
  const limitsFor = remember((vendor, model) => describe(prices, (limits ??= data.limits()), vendor, model))
  return {
    version: prices.version,
    hasPrices: (vendor) => vendorOf(prices, vendor) !== undefined,
    model: limitsFor,
    price(vendor, model, at) {
      const found = pricesOf(vendor, model)
      if (found.length <= 1) return found[0]?.price
      const time = at.getTime()
      return (found.findLast(({ holds }) => holds(time)) ?? found[0])?.price
    },
  }
}

/** What is found for a vendor and a model, found once for each name that is in use. */
function remember<Found>(look: (vendor: string, model: string) => Found): (vendor: string, model: string) => Found {
  const vendors = new Map<string, Map<string, { readonly found: Found }>>()
  let count = 0
  return (vendor, model) => {
    const known = vendors.get(vendor)?.get(model)
    if (known !== undefined) return known.found
    if (count >= remembered) {
      vendors.clear()
      count = 0
    }
    count += 1
    const found = look(vendor, model)
    const models = vendors.get(vendor) ?? new Map<string, { readonly found: Found }>()
    vendors.set(vendor, models.set(model, { found }))
    return found
  }
}

/** Every price of a model, with the times when it holds. */
function find({ prices, batch }: CatalogData, word: string, name: string): { holds: Condition; price: Price }[] {
  const asked = vendorOf(prices, word)
  const found = asked && modelOf(prices, asked, name)
  if (found?.model.prices === undefined) return []
  const origin = { version: prices.version, vendor: found.vendor.id, model: found.model.id }
  return conditionsOf(found.model.prices).map(({ constraint, prices: set }) => ({
    holds: conditionOf(constraint),
    price: priceOf(origin, set, batch[asked?.id ?? '']),
  }))
}

/** The vendor of that id, or else the first that the word means. */
function vendorOf({ vendors }: PriceFile, word: string): PricedVendor | undefined {
  const name = word.toLowerCase().trim()
  return vendors.find(({ id }) => id === name) ?? vendors.find(({ match }) => match && matches(match, name))
}

/** The vendor's first model that the name means, or else that of a vendor whose models it offers as well. */
function modelOf(
  prices: PriceFile,
  vendor: PricedVendor,
  name: string,
): { readonly vendor: PricedVendor; readonly model: PricedModel } | undefined {
  const lower = name.toLowerCase().trim()
  const others = (vendor.fallback ?? []).flatMap((id) => prices.vendors.filter((other) => other.id === id))
  for (const one of [vendor, ...others]) {
    const model = one.models.find(({ match }) => matches(match, lower))
    if (model !== undefined) return { vendor: one, model }
  }
  return undefined
}

/** Limits of the very name, or else of the model that its price is for, or else what its price tells of it. */
function describe(prices: PriceFile, limits: LimitsFile, word: string, name: string): CatalogModel | undefined {
  const vendor = vendorOf(prices, word)
  const priced = vendor && modelOf(prices, vendor, name)
  const listed =
    limitsOf(limits, vendor?.id ?? word, name) ?? (priced && limitsOf(limits, priced.vendor.id, priced.model.id))
  if (listed === undefined && priced === undefined) return undefined
  const [id, [context, output, input, made]] = listed ?? [priced?.model.id ?? name, [0, 0, '', '']]
  const inputModalities = words(input)
  const outputModalities = words(made)
  return {
    id,
    contextTokens: context || priced?.model.context,
    maxOutputTokens: output || undefined,
    inputModalities,
    outputModalities,
    operations: operationsOf(id, inputModalities, outputModalities),
  }
}

function limitsOf({ vendors }: LimitsFile, vendor: string, name: string): [string, ModelLimits] | undefined {
  const models = Object.hasOwn(vendors, vendor) ? vendors[vendor] : undefined
  if (models === undefined) return undefined
  const exact = Object.hasOwn(models, name) ? models[name] : undefined
  if (exact !== undefined) return [name, exact]
  const lower = name.toLowerCase()
  return Object.entries(models).find(([id]) => id.toLowerCase() === lower)
}

function words(text: string): string[] {
  return text.split(' ').filter(Boolean)
}
