import { describe, expect, test } from 'vitest'
import { catalogOf, openCatalog } from './catalog.ts'
import type { PricedModel, PricedVendor } from './shape.ts'

const now = new Date('2026-01-01T00:00:00Z')

const model = (id: string, match: PricedModel['match'], dollars: number): PricedModel => ({
  id,
  match,
  prices: { input_mtok: dollars },
})

const vendors: PricedVendor[] = [
  {
    id: 'acme',
    match: { contains: 'acme' },
    models: [
      model('equal', { equals: 'Equal-1' }, 1),
      model('start', { starts_with: 'start-' }, 2),
      model('end', { ends_with: '-END' }, 3),
      model('regex', { regex: '^r\\d+$' }, 4),
      model('both', { and: [{ contains: 'one' }, { contains: 'two' }] }, 5),
      model('either', { or: [{ equals: 'three' }, { equals: 'four' }] }, 6),
      model('second', { contains: 'three' }, 7),
      { id: 'unpriced', match: { equals: 'unpriced' }, context: 500 },
    ],
  },
  {
    id: 'acme-resale',
    match: { equals: 'shop' },
    fallback: ['third', 'acme'],
    models: [model('own', { equals: 'own' }, 8)],
  },
  { id: 'third', fallback: ['acme-resale'], models: [model('three', { equals: 'three' }, 9)] },
]

const small = catalogOf({
  prices: { version: 'test 2026-01-01', vendors },
  batch: {},
  limits: () => ({
    version: 'test',
    vendors: {
      acme: { 'Equal-1': [1000, 100, 'text image', 'text'], either: [2000, 0, '', ''] },
      third: { 'text-embedding': [8000, 1, 'text', 'text'] },
      unpriced: { 'some-model': [10, 5, 'text', 'image'] },
    },
  }),
})
const dollars = (vendor: string, name: string): unknown => small.price(vendor, name, now)?.listed.input_mtok

describe('a model is found', () => {
  test.each([
    ['equal-1', 1],
    ['EQUAL-1', 1],
    [' equal-1 ', 1],
    ['start-of', 2],
    ['at-the-end', 3],
    ['r12', 4],
    ['two-and-one', 5],
    ['four', 6],
    ['equal-12', undefined],
    ['one', undefined],
    ['ar12', undefined],
    ['nothing', undefined],
    ['unpriced', undefined],
    ['__proto__', undefined],
  ])('by what its clause says: %s', (name, expected) => {
    expect(dollars('acme', name)).toBe(expected)
  })

  test('first come, first served', () => {
    expect(dollars('acme', 'three')).toBe(6)
    expect(dollars('acme', 'thirty-three')).toBe(7)
  })

  test('at the vendor of that id, or else at the first that the word means', () => {
    expect(dollars('acme-resale', 'own')).toBe(8)
    expect(dollars('ACME', 'four')).toBe(6)
    expect(dollars('my-acme', 'four')).toBe(6)
    expect(dollars('shop', 'own')).toBe(8)
    expect(dollars('other', 'four')).toBeUndefined()
    expect(small.hasPrices('my-acme')).toBe(true)
    expect(small.hasPrices('other')).toBe(false)
  })

  test('at the vendors whose models are offered as well, in their order, but not at theirs', () => {
    expect(small.price('shop', 'three', now)).toMatchObject({ vendor: 'third', listed: { input_mtok: 9 } })
    expect(small.price('shop', 'four', now)).toMatchObject({ vendor: 'acme', listed: { input_mtok: 6 } })
    expect(dollars('third', 'own')).toBe(8)
    expect(dollars('third', 'four')).toBeUndefined()
  })

  test('once: the same name gives the same price again', () => {
    expect(small.price('acme', 'four', now)).toBe(small.price('acme', 'four', new Date()))
  })

  test('also after more names than are remembered', () => {
    for (let index = 0; index < 10_100; index += 1) expect(small.price('acme', `unknown ${index}`, now)).toBeUndefined()
    expect(dollars('acme', 'four')).toBe(6)
  })
})

describe('limits', () => {
  test('are those of the very name, or else of the model that its price is for', () => {
    expect(small.model('acme', 'equal-1')).toEqual({
      id: 'Equal-1',
      contextTokens: 1000,
      maxOutputTokens: 100,
      inputModalities: ['text', 'image'],
      outputModalities: ['text'],
      operations: ['chat'],
    })
    expect(small.model('acme', 'four')).toMatchObject({ id: 'either', contextTokens: 2000, maxOutputTokens: undefined })
    expect(small.model('acme', 'unpriced')).toMatchObject({ contextTokens: 500, outputModalities: [], operations: [] })
    expect(small.model('third', 'text-embedding')).toMatchObject({ operations: ['embed'] })
  })

  test('are known of vendors without prices, and of no one else', () => {
    expect(small.model('unpriced', 'some-model')).toMatchObject({ contextTokens: 10, operations: ['generateImages'] })
    expect(small.model('unpriced', 'other')).toBeUndefined()
    expect(small.model('__proto__', 'constructor')).toBeUndefined()
  })
})

describe('the shipped catalog', () => {
  const catalog = openCatalog()
  const at = (vendor: string, name: string, time: string): unknown =>
    catalog.price(vendor, name, new Date(time))?.listed.input_mtok

  test('knows prices that begin on a day, at midnight UTC', () => {
    expect(at('openai', 'o3', '2025-06-09T23:59:59.999Z')).toBe(10)
    expect(at('openai', 'o3', '2025-06-10T00:00:00Z')).toBe(2)
    expect(at('anthropic', 'claude-sonnet-5', '2026-08-31T23:59:59Z')).toBe(2)
    expect(at('anthropic', 'claude-sonnet-5', '2026-09-01T00:00:00Z')).toBe(3)
  })

  test('knows prices of a time of day', () => {
    expect(at('deepseek', 'deepseek-reasoner', '2026-01-01T00:29:59Z')).toBe(0.135)
    expect(at('deepseek', 'deepseek-reasoner', '2026-01-01T00:30:00Z')).toBe(0.55)
    expect(at('deepseek', 'deepseek-reasoner', '2026-01-01T16:29:59Z')).toBe(0.55)
    expect(at('deepseek', 'deepseek-reasoner', '2026-01-01T16:30:00Z')).toBe(0.135)
  })

  test('knows models of one vendor that another offers', () => {
    expect(catalog.price('azure', 'claude-sonnet-4-5', now)).toMatchObject({ vendor: 'anthropic' })
    expect(catalog.price('azure', 'gpt-5.6-sol', now)).toMatchObject({ vendor: 'openai' })
    expect(catalog.price('google', 'gpt-5.6-sol', now)).toBeUndefined()
  })

  test('knows what batches cost at some vendors', () => {
    expect(catalog.price('anthropic', 'claude-haiku-4-5', now)?.batch).toBeDefined()
    expect(catalog.price('groq', 'llama-3.3-70b-versatile', now)).toMatchObject({ batch: undefined })
  })

  test('knows limits and modalities', () => {
    expect(catalog.model('openai', 'gpt-4o')).toMatchObject({ contextTokens: 128_000, operations: ['chat'] })
    expect(catalog.model('openai', 'gpt-4o')?.inputModalities).toContain('image')
    expect(catalog.model('openai', 'text-embedding-3-small')).toMatchObject({ operations: ['embed'] })
    expect(catalog.model('aws', 'amazon.nova-pro-v1:0')?.contextTokens).toBeGreaterThan(100_000)
  })
})
