import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { usage } from '../model/usage.ts'
import { catalogOf } from './catalog.ts'
import { cost } from './cost.ts'
import { priceOf, type Price } from './price.ts'
import type { PriceSet } from './shape.ts'
import { shippedData } from './shipped.ts'

const shipped = shippedData()

const origin = { version: 'test', vendor: 'acme', model: 'one' }
const priced = (listed: PriceSet): Price => priceOf(origin, listed, { percent: 50, cachedPercent: 100 })
const costs = (listed: PriceSet, of: Parameters<typeof usage>[0]): bigint | undefined => cost(usage(of), priced(listed))

describe('a cost', () => {
  test('is rounded once, at the end, halves up', () => {
    const half = { input_mtok: 0.0005, output_mtok: 0.0001 }
    expect(costs(half, { inputTokens: 1 })).toBe(1n)
    expect(costs(half, { inputTokens: 2 })).toBe(1n)
    expect(costs(half, { inputTokens: 3 })).toBe(2n)
    expect(costs(half, { inputTokens: 1, outputTokens: 4 })).toBe(1n)
    expect(costs(half, { inputTokens: 0, outputTokens: 4 })).toBe(0n)
    expect(costs(half, { inputTokens: 1, outputTokens: 9 })).toBe(1n)
    expect(costs(half, { inputTokens: 1, outputTokens: 10 })).toBe(2n)
  })

  test('is exact where floating point is not', () => {
    expect(costs({ input_mtok: 0.1 }, { inputTokens: 4_294_967_295 })).toBe(429_496_729_500n)
    expect(costs({ input_mtok: 0.08333333333333334 }, { inputTokens: 3_000_000 })).toBe(250_000_000n)
    expect(costs({ input_mtok: 1e-7 }, { inputTokens: 5_000_000 })).toBe(500n)
  })

  test('rises for all tokens once the whole input is above the start of a tier', () => {
    const listed = {
      input_mtok: { base: 3, tiers: [{ start: 200_000, price: 6 }] },
      cache_read_mtok: { base: 0.3, tiers: [{ start: 200_000, price: 0.6 }] },
      output_mtok: { base: 15, tiers: [{ start: 200_000, price: 22.5 }] },
    }
    expect(costs(listed, { inputTokens: 200_000, outputTokens: 1 })).toBe(600_015_000n)
    expect(costs(listed, { inputTokens: 200_001, outputTokens: 1 })).toBe(1_200_028_500n)
    expect(costs(listed, { inputTokens: 200_001, cacheReadTokens: 200_001 })).toBe(120_000_600n)
  })

  test('takes each token once, by the narrowest class that has a price', () => {
    const listed = {
      input_mtok: 1,
      cache_read_mtok: 10,
      input_audio_mtok: 100,
      cache_audio_read_mtok: 1000,
      cache_write_mtok: 10_000,
      cache_write_1h_mtok: 100_000,
      output_mtok: 1_000_000,
    }
    const given = {
      inputTokens: 20,
      cacheReadTokens: 5,
      audioInputTokens: 4,
      cacheReadAudioTokens: 3,
      cacheWrite5mTokens: 2,
      cacheWrite1hTokens: 6,
      outputTokens: 7,
      audioOutputTokens: 7,
      reasoningTokens: 7,
    }
    // 20 read: 3 cached audio, 2 cached, 1 audio, 2 written for five minutes, 6 for an hour, 6 plain. 7 made.
    expect(costs(listed, given)).toBe(7_623_126_000n)
  })

  test('of images and video is by their own prices', () => {
    const listed = {
      input_mtok: 1,
      input_image_mtok: 10,
      input_video_mtok: 100,
      output_mtok: 1,
      output_video_mtok: 1000,
    }
    const given = { inputTokens: 10, imageInputTokens: 7, videoInputTokens: 3, outputTokens: 5, videoOutputTokens: 4 }
    expect(costs(listed, given)).toBe(4_344_000n)
  })

  test('has searches and a fee for each call that counted something', () => {
    const listed = { input_mtok: 1, output_mtok: 1, requests_kcount: 12, web_searches_kcount: 10 }
    expect(costs(listed, { inputTokens: 1, webSearches: 2 })).toBe(12_000_000n + 20_000_000n + 1000n)
    expect(costs(listed, {})).toBe(0n)
  })

  test('by the batch API of a vendor is what that charges, and not known where it is not', () => {
    const given = usage({ inputTokens: 1000, cacheReadTokens: 400, outputTokens: 10 })
    const listed = { input_mtok: 2, cache_read_mtok: 1, output_mtok: 8 }
    expect(cost(given, priced(listed))).toBe(1_680_000n)
    expect(cost(given, priced(listed), { batch: true })).toBe(600_000n + 400_000n + 40_000n)
    expect(cost(given, priceOf(origin, listed, undefined), { batch: true })).toBeUndefined()
  })

  test('of a free model is 0, and of what has no price is not known', () => {
    expect(costs({}, { inputTokens: 5, outputTokens: 5, audioSeconds: 3 })).toBe(0n)
    expect(costs({ input_mtok: 1, output_mtok: 1 }, { audioSeconds: 3 })).toBeUndefined()
    expect(costs({ input_mtok: 1, output_mtok: 1 }, { images: 1 })).toBeUndefined()
    expect(costs({ input_mtok: 1, requests_kcount: 1 }, { outputTokens: 1 })).toBeUndefined()
    expect(costs({ input_mtok: 1, output_mtok: 1 }, { images: 1, outputTokens: 1 })).toBe(1000n)
  })
})

/** Every price in the catalog, with every condition of it. */
const everyPrice = shipped.prices.vendors.flatMap(({ id, models }) =>
  models.flatMap(({ prices = [] }) =>
    (Array.isArray(prices) ? prices.map((one) => one.prices as PriceSet) : [prices as PriceSet]).map((listed) =>
      priceOf(origin, listed, shipped.batch[id]),
    ),
  ),
)
const anyPrice = fc.constantFrom(...everyPrice)

const tokenFields = Object.entries(usage({})).flatMap(([name, value]) =>
  typeof value === 'number' && name.endsWith('Tokens') ? [name as keyof Usage & `${string}Tokens`] : [],
)

/** A usage as no reader makes it: any number in any field. */
const wildUsage = fc
  .record(
    Object.fromEntries(
      [...tokenFields, 'images', 'audioSeconds', 'videoSeconds', 'characters', 'webSearches'].map((name) => [
        name,
        fc.oneof(fc.nat(500_000), fc.constantFrom(-1, 0.5, Number.NaN, Infinity, 2 ** 53), fc.double()),
      ]),
    ),
  )
  .map((fields) => usage(fields))

/** A usage as readers make it: no part is more than its whole. */
const soundUsage = fc.infiniteStream(fc.nat(300_000)).map((numbers) => {
  const next = (limit: number = Infinity): number => Math.min(limit, Number(numbers.next().value))
  const inputTokens = next()
  const cacheReadTokens = next(inputTokens)
  const cacheWrite5mTokens = next(inputTokens - cacheReadTokens)
  const cacheWrite1hTokens = next(inputTokens - cacheReadTokens - cacheWrite5mTokens)
  const audioInputTokens = next(inputTokens)
  const imageInputTokens = next(inputTokens - audioInputTokens)
  const videoInputTokens = next(imageInputTokens)
  const cacheReadAudioTokens = next(Math.min(cacheReadTokens, audioInputTokens))
  const pictures = imageInputTokens - videoInputTokens
  const cacheReadImageTokens = next(Math.min(cacheReadTokens - cacheReadAudioTokens, pictures))
  const outputTokens = next()
  const reasoningTokens = next(outputTokens)
  const citationTokens = next(outputTokens - reasoningTokens)
  const audioOutputTokens = next(outputTokens - reasoningTokens - citationTokens)
  const imageOutputTokens = next(outputTokens - reasoningTokens - citationTokens - audioOutputTokens)
  const videoOutputTokens = next(imageOutputTokens)
  return usage({
    inputTokens,
    cacheReadTokens,
    cacheWrite5mTokens,
    cacheWrite1hTokens,
    audioInputTokens,
    imageInputTokens,
    videoInputTokens,
    cacheReadAudioTokens,
    cacheReadImageTokens,
    outputTokens,
    reasoningTokens,
    citationTokens,
    audioOutputTokens,
    imageOutputTokens,
    videoOutputTokens,
    webSearches: next(50),
  })
})

/** The wholes that a token of a class is counted in as well. */
const wholes: Readonly<Record<(typeof tokenFields)[number], readonly (typeof tokenFields)[number][]>> = {
  inputTokens: [],
  outputTokens: [],
  cacheReadTokens: ['inputTokens'],
  cacheWrite5mTokens: ['inputTokens'],
  cacheWrite1hTokens: ['inputTokens'],
  audioInputTokens: ['inputTokens'],
  imageInputTokens: ['inputTokens'],
  videoInputTokens: ['inputTokens', 'imageInputTokens'],
  cacheReadAudioTokens: ['inputTokens', 'cacheReadTokens', 'audioInputTokens'],
  cacheReadImageTokens: ['inputTokens', 'cacheReadTokens', 'imageInputTokens'],
  reasoningTokens: ['outputTokens'],
  citationTokens: ['outputTokens'],
  audioOutputTokens: ['outputTokens'],
  imageOutputTokens: ['outputTokens'],
  videoOutputTokens: ['outputTokens', 'imageOutputTokens'],
  acceptedPredictionTokens: ['outputTokens'],
  rejectedPredictionTokens: ['outputTokens'],
}

describe('at every price in the catalog, a cost', () => {
  test('is never negative and never an error, whatever the usage says', () => {
    fc.assert(
      fc.property(anyPrice, wildUsage, fc.boolean(), (price, given, batch) => {
        const result = cost(given, price, { batch })
        expect(result === undefined || result >= 0n).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test('never falls when there is one token more of any class', () => {
    fc.assert(
      fc.property(anyPrice, soundUsage, fc.constantFrom(...tokenFields), fc.nat(5000), (price, given, field, more) => {
        const grown = { ...given }
        for (const name of [field, ...wholes[field]]) grown[name] += more
        const before = cost(given, price) ?? 0n
        expect((cost(grown, price) ?? 0n) >= before).toBe(true)
      }),
      { numRuns: 5000 },
    )
  })

  test('by the batch API is never more than the usual one', () => {
    fc.assert(
      fc.property(anyPrice, soundUsage, (price, given) => {
        const batch = cost(given, price, { batch: true })
        expect(batch === undefined || batch <= (cost(given, price) ?? 0n)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})

test('no token is paid twice: at one price for every class, a usage costs its input and output at that price', () => {
  const flat = priced(Object.fromEntries(everyTokenPrice().map((key) => [key, 1])))
  fc.assert(
    fc.property(fc.oneof(soundUsage, wildUsage), (given) => {
      const { inputTokens, outputTokens } = catalogCounts(given)
      const result = cost(given, flat)
      expect(result === undefined || result === 1000n * BigInt(inputTokens + outputTokens)).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

function everyTokenPrice(): string[] {
  const keys = new Set(everyPrice.flatMap(({ listed }) => Object.keys(listed)))
  return [...keys].filter((key) => key.endsWith('_mtok'))
}

function catalogCounts({ inputTokens, outputTokens }: Usage): { inputTokens: number; outputTokens: number } {
  // An infinite count is none.
  const whole = (value: number): number =>
    value > 0 && Number.isFinite(value) ? Math.min(Math.trunc(value), 0xffff_ffff) : 0
  return { inputTokens: whole(inputTokens), outputTokens: whole(outputTokens) }
}

test('a catalog tells the price that the cost is made of', () => {
  const catalog = catalogOf({ ...shipped, limits: () => ({ version: '', vendors: {} }) })
  const price = catalog.price('openai', 'gpt-4o', new Date('2026-01-01'))
  expect(price).toMatchObject({ vendor: 'openai', model: 'gpt-4o', version: shipped.prices.version })
  expect(price && cost(usage({ inputTokens: 1000, outputTokens: 100 }), price)).toBe(3_500_000n)
})
