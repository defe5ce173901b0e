import { expect, test } from 'vitest'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { cost, openCatalog } from '../../src/catalog/index.ts'
import { usageOf as anthropic } from '../../src/dialects/anthropic/usage.ts'
import { usageOf as gemini } from '../../src/dialects/gemini/usage.ts'
import { usageOf as openai } from '../../src/dialects/openai/usage.ts'
import { usageOf as responses } from '../../src/dialects/responses/usage.ts'
import { nanoUsd, readRows, recordedAt } from './dataset.ts'
import { explained, isMisread, type Reading } from './explained.ts'

/** Our own reader of the format that an API of a vendor answers in. */
const readers: Readonly<Record<string, (wire: never) => Usage>> = {
  anthropic,
  chat: openai,
  embeddings: openai,
  responses,
  'anthropic default': anthropic,
  'google default': gemini,
  'groq default': openai,
  'mistral default': openai,
}

const catalog = openCatalog()
const rows = readRows()

function read({ row, vendor, api }: Reading): Usage {
  const reader = readers[`${vendor} ${api}`] ?? readers[api]
  if (reader === undefined) throw new Error(`no reader for ${api} of ${vendor}`)
  return reader(row.usage as never)
}

function priced(reading: Reading): bigint | undefined {
  const price = catalog.price(reading.vendor, reading.row.model, recordedAt)
  return price && cost(read(reading), price)
}

const readings = rows.flatMap((row) =>
  row.prices.map(([vendor, api, dollars]) => {
    const reading = { row, vendor, api }
    return { ...reading, dollars, equal: priced(reading) === nanoUsd(dollars), misread: isMisread(reading) }
  }),
)
const sound = readings.filter(({ misread }) => !misread)

const answersOf = (of: readonly Reading[]): number => of.reduce((sum, { row }) => sum + row.answers, 0)
const named = ({ vendor, api, row, dollars }: (typeof readings)[number]): string =>
  `${vendor} ${api} ${row.model} ${JSON.stringify(row.usage)} ${dollars}`

test('every recorded answer that genai-prices has a price for is here', () => {
  expect(rows.reduce((sum, { answers, prices }) => sum + (prices.length > 0 ? answers : 0), 0)).toBe(1298)
  expect(answersOf(readings)).toBe(3474)
})

test('at least 98 of 100 readings cost what genai-prices says, to the billionth of a dollar', () => {
  expect(answersOf(sound.filter(({ equal }) => equal)) / answersOf(sound)).toBeGreaterThanOrEqual(0.98)
})

test('at least 98 of 100 answers cost what genai-prices says at every vendor and by every API that may have given them', () => {
  const answers = rows.filter((row) => sound.some((reading) => reading.row === row))
  const right = answers.filter((row) => sound.every((reading) => reading.row !== row || reading.equal))
  const count = (of: typeof rows): number => of.reduce((sum, { answers: equal }) => sum + equal, 0)
  expect(count(right) / count(answers)).toBeGreaterThanOrEqual(0.98)
})

test('every difference has its reason in explained.ts, and every reason there a difference', () => {
  const others = sound.filter(({ equal }) => !equal)
  expect(others.filter((reading) => !explained.some(({ covers }) => covers(reading))).map(named)).toEqual([])
  expect(explained.filter(({ covers }) => !others.some(covers)).map(({ name }) => name)).toEqual([])
})

test('the reader of embeddings, tried on other answers, differs by their output alone', () => {
  const misread = readings.filter((reading) => reading.misread)
  expect(misread.length).toBeGreaterThan(0)
  for (const reading of misread) {
    const price = catalog.price(reading.vendor, reading.row.model, recordedAt)
    const { inputTokens } = read(reading)
    const alone = openai({ prompt_tokens: inputTokens })
    expect(price && cost(alone, price), named(reading)).toBe(nanoUsd(reading.dollars))
    const others = sound.filter(({ row, vendor }) => row === reading.row && vendor === reading.vendor)
    expect(others.map(({ api }) => api)).toEqual(['chat'])
  }
})

test('what genai-prices has no price for has none here', () => {
  const strange = rows.flatMap(({ model, unpriced }) =>
    unpriced
      .filter((vendor) => catalog.price(vendor, model, recordedAt) !== undefined)
      .map((vendor) => [vendor, model]),
  )
  expect(rows.flatMap(({ unpriced }) => unpriced).length).toBeGreaterThan(10_000)
  expect(strange).toEqual([])
})
