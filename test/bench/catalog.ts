/** `node test/bench/catalog.ts`: what the catalog costs at the start and for each call, beside the bare operations under it. */
import { readFileSync } from 'node:fs'
import { cost, openCatalog, type Price } from '../../src/catalog/index.ts'
import { usage } from '../../src/model/usage.ts'

const times = 1_000_000
const at = new Date()

/** Nanoseconds of one step, by a million of them after as many to warm up. */
function nanoseconds(step: () => unknown): number {
  let kept: unknown
  const run = (): number => {
    const start = performance.now()
    for (let index = 0; index < times; index += 1) kept = step()
    return performance.now() - start
  }
  run()
  const measured = run()
  if (kept === null) throw new Error('nothing was measured')
  return (measured * 1e6) / times
}

function milliseconds(step: () => unknown): number {
  const start = performance.now()
  step()
  return performance.now() - start
}

function print(name: string, value: number, unit: string): void {
  process.stdout.write(`${name.padEnd(56)}${value.toFixed(unit === 'ms' ? 2 : 0).padStart(8)} ${unit}\n`)
}

const text = readFileSync(new URL('../../src/catalog/data/prices.json', import.meta.url), 'utf8')
print(
  'reference: parse of the prices alone',
  milliseconds(() => JSON.parse(text)),
  'ms',
)
print('open the catalog', milliseconds(openCatalog), 'ms')

const catalog = openCatalog()
print(
  'first price of a name, of 691 models',
  milliseconds(() => catalog.price('openrouter', 'no/such-model', at)),
  'ms',
)
print(
  'first limits of a name, with their file',
  milliseconds(() => catalog.model('openai', 'gpt-4o')),
  'ms',
)

const map = new Map([['anthropic', new Map([['claude-opus-4-6', {}]])]])
print(
  'reference: two look-ups in a Map',
  nanoseconds(() => map.get('anthropic')?.get('claude-opus-4-6')),
  'ns',
)
print(
  'price that is remembered, one',
  nanoseconds(() => catalog.price('openai', 'gpt-4o', at)),
  'ns',
)
print(
  'price that is remembered, of two dates',
  nanoseconds(() => catalog.price('anthropic', 'claude-opus-4-6', at)),
  'ns',
)

const given = usage({ inputTokens: 250_000, cacheReadTokens: 200_000, cacheWrite1hTokens: 9000, outputTokens: 1200 })
const numbers = Object.values(given).filter((value) => typeof value === 'number')
print(
  'reference: five products of BigInt, summed',
  nanoseconds(() => products(numbers.slice(0, 5))),
  'ns',
)
for (const model of ['gpt-4o', 'gpt-audio'])
  print(`cost at the price of ${model}`, costOf(catalog.price('openai', model, at)), 'ns')
print('cost at the price of claude-opus-4-6', costOf(catalog.price('anthropic', 'claude-opus-4-6', at)), 'ns')

function products(of: readonly number[]): bigint {
  return of.reduce((sum, value) => sum + BigInt(value) * 3_000_000_000_000_000_000_000n, 0n)
}

function costOf(price: Price | undefined): number {
  return price === undefined ? Number.NaN : nanoseconds(() => cost(given, price))
}
