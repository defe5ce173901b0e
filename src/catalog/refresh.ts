import { z } from 'zod'
import type { Clause } from './clause.ts'
import { isPriceKey } from './classes.ts'
import type { LimitsFile, ModelLimits, PricedModel, PriceFile } from './shape.ts'

/*
 * Makes the files in `data/` from what two public projects publish: prices from genai-prices (its version 2 format), limits and
 * modalities from models.dev (its api.json).
 */

const clause: z.ZodType<Clause> = z.lazy(() =>
  z.union([
    z.strictObject({ equals: z.string() }),
    z.strictObject({ starts_with: z.string() }),
    z.strictObject({ ends_with: z.string() }),
    z.strictObject({ contains: z.string() }),
    z.strictObject({ regex: z.string() }),
    z.strictObject({ or: z.array(clause) }),
    z.strictObject({ and: z.array(clause) }),
  ]),
)

const amount = z.number().nonnegative()
const tiered = z.strictObject({
  base: amount,
  tiers: z.array(z.strictObject({ start: z.int().nonnegative(), price: amount })).min(1),
})
const priceSet = z.record(z.string(), z.union([amount, tiered]))
const constraint = z.union([
  z.strictObject({ start_date: z.iso.date() }),
  z.strictObject({ start_time: z.string(), end_time: z.string() }),
])

const sourceModel = z.looseObject({
  id: z.string(),
  name: z.string().optional(),
  description: z.string().optional(),
  match: clause,
  context_window: z.int().positive().optional(),
  prices: z.union([z.array(z.strictObject({ constraint: constraint.optional(), prices: priceSet })).min(1), priceSet]),
})

const sourceVendors = z.array(
  z.looseObject({
    id: z.string(),
    provider_match: clause.optional(),
    fallback_model_providers: z.array(z.string()).optional(),
    models: z.array(sourceModel),
  }),
)

type SourceModel = z.infer<typeof sourceModel>

/**
 * Reads the prices. A model is left without a price when some price of it is for a class that we cannot count, or when it has none
 * and nothing says that it is free; `left` names those. Throws a ZodError for a source in another format.
 */
export function pricesFrom(source: unknown, date: string): { readonly file: PriceFile; readonly left: string[] } {
  const left: string[] = []
  const vendors = sourceVendors.parse(source).map((vendor) => ({
    id: vendor.id,
    ...(vendor.provider_match !== undefined && { match: vendor.provider_match }),
    ...(vendor.fallback_model_providers !== undefined && { fallback: vendor.fallback_model_providers }),
    models: vendor.models.map((model) => {
      const problem = problemOf(model)
      if (problem !== undefined) left.push(`${vendor.id} ${model.id}: ${problem}`)
      return pricedModel(model, problem === undefined)
    }),
  }))
  return { file: { version: `genai-prices ${date}`, vendors }, left }
}

function pricedModel(model: SourceModel, priced: boolean): PricedModel {
  return {
    id: model.id,
    match: model.match,
    ...(model.context_window !== undefined && { context: model.context_window }),
    ...(priced && { prices: model.prices }),
  }
}

function problemOf(model: SourceModel): string | undefined {
  const sets = Array.isArray(model.prices) ? model.prices.map(({ prices }) => prices) : [model.prices]
  const strange = sets.flatMap((set) => Object.keys(set)).filter((key) => !isPriceKey(key))
  if (strange.length > 0) return `prices that cannot be counted: ${strange.join(', ')}`
  const empty = sets.some((set) => Object.keys(set).length === 0)
  return empty && !saysFree(model) ? 'no price' : undefined
}

function saysFree({ id, name = '', description = '' }: SourceModel): boolean {
  return id.endsWith(':free') || /\(free\)/i.test(name) || /free of charge/i.test(description)
}

const sourceLimits = z.record(
  z.string(),
  z.looseObject({
    models: z.record(
      z.string(),
      z.looseObject({
        last_updated: z.string(),
        limit: z.looseObject({ context: z.int().nonnegative().optional(), output: z.int().nonnegative().optional() }),
        modalities: z.looseObject({
          input: z.array(z.string()).optional(),
          output: z.array(z.string()).optional(),
        }),
      }),
    ),
  }),
)

/**
 * Reads the limits, by the vendors' names in the prices: `names` lists what such a vendor is called here, where that is not the same.
 * Models that say nothing are left out. Throws a ZodError for a source in another format.
 */
export function limitsFrom(source: unknown, names: Readonly<Record<string, readonly string[]>>): LimitsFile {
  const parsed = sourceLimits.parse(source)
  const renamed = new Map(Object.entries(names).flatMap(([id, others]) => others.map((other) => [other, id])))
  const vendors: Record<string, Record<string, ModelLimits>> = {}
  let newest = ''
  for (const [name, { models }] of sorted(parsed)) {
    const vendor = (vendors[renamed.get(name) ?? name] ??= {})
    for (const [id, { limit, modalities, last_updated: updated }] of sorted(models)) {
      if (updated > newest) newest = updated
      const { input = [], output = [] } = modalities
      const limits: ModelLimits = [limit.context ?? 0, limit.output ?? 0, input.join(' '), output.join(' ')]
      if (limits.some(Boolean)) vendor[id] ??= limits
    }
  }
  return { version: `models.dev ${newest}`, vendors: Object.fromEntries(sorted(vendors)) }
}

function sorted<Value>(record: Readonly<Record<string, Value>>): [string, Value][] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** Writes prices as JSON, a model a line. */
export function printPrices({ version, vendors }: PriceFile): string {
  const printed = vendors.map(({ models, ...vendor }) => {
    const head = JSON.stringify(vendor).slice(0, -1)
    return `${head},"models":[\n${models.map((model) => JSON.stringify(model)).join(',\n')}\n]}`
  })
  return `{"version":${JSON.stringify(version)},"vendors":[\n${printed.join(',\n')}\n]}\n`
}

/** Writes limits as JSON, a model a line. */
export function printLimits({ version, vendors }: LimitsFile): string {
  const printed = Object.entries(vendors).map(([id, models]) => {
    const lines = Object.entries(models).map(([model, limits]) => `${JSON.stringify(model)}:${JSON.stringify(limits)}`)
    return `${JSON.stringify(id)}:{\n${lines.join(',\n')}\n}`
  })
  return `{"version":${JSON.stringify(version)},"vendors":{\n${printed.join(',\n')}\n}}\n`
}
