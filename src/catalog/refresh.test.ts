import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ZodError } from 'zod'
import { matches } from './clause.ts'
import { conditionOf, conditionsOf, priceOf } from './price.ts'
import { limitsFrom, pricesFrom, printLimits, printPrices } from './refresh.ts'
import { shippedData } from './shipped.ts'

const source = [
  {
    id: 'acme',
    name: 'Acme',
    api_pattern: 'https://acme\\.example',
    provider_match: { contains: 'acme' },
    fallback_model_providers: ['other'],
    extractors: [{ root: 'usage', mappings: [] }],
    models: [
      { id: 'plain', match: { equals: 'plain' }, context_window: 1000, prices: { input_mtok: 1, output_mtok: 2 } },
      {
        id: 'dated',
        match: { or: [{ regex: '^d' }] },
        prices: [
          { prices: { input_mtok: 1 } },
          { constraint: { start_date: '2026-01-01' }, prices: { input_mtok: 2 } },
        ],
      },
      { id: 'gift:free', match: { equals: 'gift:free' }, prices: {} },
      { id: 'blank', match: { equals: 'blank' }, prices: {} },
      { id: 'pixels', match: { equals: 'pixels' }, prices: { input_mtok: 1, input_gpixels: 3 } },
    ],
  },
]

test('prices keep what is used, and a model without a known price keeps its place without one', () => {
  const { file, left } = pricesFrom(source, '2026-02-03')
  expect(file).toEqual({
    version: 'genai-prices 2026-02-03',
    vendors: [
      {
        id: 'acme',
        match: { contains: 'acme' },
        fallback: ['other'],
        models: [
          { id: 'plain', match: { equals: 'plain' }, context: 1000, prices: { input_mtok: 1, output_mtok: 2 } },
          { id: 'dated', match: { or: [{ regex: '^d' }] }, prices: source[0]?.models[1]?.prices },
          { id: 'gift:free', match: { equals: 'gift:free' }, prices: {} },
          { id: 'blank', match: { equals: 'blank' } },
          { id: 'pixels', match: { equals: 'pixels' } },
        ],
      },
    ],
  })
  expect(left).toEqual(['acme blank: no price', 'acme pixels: prices that cannot be counted: input_gpixels'])
})

test.each([
  ['a clause of another kind', { match: { sounds_like: 'x' }, prices: {} }],
  ['a price below nothing', { match: { equals: 'x' }, prices: { input_mtok: -1 } }],
  ['a condition of another kind', { match: { equals: 'x' }, prices: [{ constraint: { moon: 'full' }, prices: {} }] }],
])('%s is refused', (_, model) => {
  expect(() => pricesFrom([{ id: 'acme', models: [{ id: 'x', ...model }] }], '2026-02-03')).toThrow(ZodError)
})

test('limits go by the names that vendors have in the prices, sorted, and say when they were last changed', () => {
  const limit = { context: 10, output: 5 }
  const one = {
    last_updated: '2026-01-01',
    limit,
    modalities: { input: ['text', 'image'], output: ['text'] },
    cost: {},
  }
  const two = { last_updated: '2026-01-02', limit: {}, modalities: {} }
  const limits = limitsFrom(
    { zeta: { models: { b: one, a: one } }, acmeai: { models: { two, one } }, acme: { models: { three: one } } },
    { acme: ['acme', 'acmeai'] },
  )
  const line = [10, 5, 'text image', 'text']
  expect(JSON.stringify(limits)).toBe(
    JSON.stringify({
      version: 'models.dev 2026-01-02',
      vendors: { acme: { three: line, one: line }, zeta: { a: line, b: line } },
    }),
  )
})

const text = (name: string): string => readFileSync(new URL(`data/${name}`, import.meta.url), 'utf8')
const { prices, batch, limits } = shippedData()

test('the shipped files are written as the generator writes them', () => {
  expect(printPrices(prices) === text('prices.json')).toBe(true)
  expect(printLimits(limits()) === text('models.json')).toBe(true)
  expect(prices.version).toMatch(/^genai-prices \d{4}-\d\d-\d\d$/)
})

test('the shipped files have the shape that their source is checked for', () => {
  const again = prices.vendors.map(({ match, fallback, models, id }) => ({
    id,
    provider_match: match,
    fallback_model_providers: fallback,
    models: models.map(({ context, prices: listed = {}, ...model }) => ({
      ...model,
      context_window: context,
      prices: listed,
    })),
  }))
  const { file } = pricesFrom(JSON.parse(JSON.stringify(again)), '2026-01-01')
  expect(file.vendors.length).toBeGreaterThan(30)
  expect(file.vendors.flatMap(({ models }) => models).length).toBeGreaterThan(1400)
  const lines = Object.values(limits().vendors).flatMap((models) => Object.values(models))
  expect(lines.length).toBeGreaterThan(5000)
  for (const [context, output, input, made] of lines) {
    expect(Number.isSafeInteger(context) && context >= 0 && Number.isSafeInteger(output) && output >= 0).toBe(true)
    expect(`${input} ${made}`).toMatch(/^[a-z ]+$/)
  }
})

test('every price can be charged, at every time, and no tier is cheaper than the one below', () => {
  for (const { id: vendor, models } of prices.vendors)
    for (const { id: model, prices: listed, match } of models) {
      matches(match, 'any')
      for (const { constraint, prices: set } of listed === undefined ? [] : conditionsOf(listed)) {
        conditionOf(constraint)(0)
        for (const { steps } of priceOf({ version: '', vendor, model }, set, batch[vendor]).rates) {
          const rising = steps.every((step, index) => {
            const below = steps[index - 1]
            return below === undefined || (step.above > below.above && step.parts >= below.parts)
          })
          expect(rising, `${vendor} ${model}`).toBe(true)
        }
      }
    }
})

test('batch discounts are of vendors with prices', () => {
  expect(Object.keys(batch).filter((vendor) => !prices.vendors.some(({ id }) => id === vendor))).toEqual([])
})
