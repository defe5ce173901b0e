import { expect, test } from 'vitest'
import { bucketOf, Histogram } from './histogram.ts'

/** The value that so many per cent of the values do not exceed. */
function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? 0
}

test('says nothing of no calls', () => {
  expect(new Histogram().percentiles()).toEqual({ p50: 0, p95: 0, p99: 0, mean: 0 })
})

test('tells percentiles within four per cent, and the mean exactly', () => {
  const values = Array.from({ length: 1000 }, (_, index) => 0.02 * 1.02 ** index)
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  const { p50, p95, p99, mean } = histogram.percentiles()
  const told = [p50, p95, p99].map((value, at) => value / percentile(values, [0.5, 0.95, 0.99][at] ?? 0))
  for (const ratio of told) expect(Math.abs(Math.log(ratio))).toBeLessThan(0.04)
  expect(mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 3)
})

test('is the same however it was put together', () => {
  const values = [0, 0.3, 12, 12.1, 4000, 86_400_000]
  const one = new Histogram()
  const [left, right] = [new Histogram(), new Histogram()]
  for (const [index, value] of values.entries()) {
    one.count(bucketOf(value), 1)
    one.add(value * 1000, 1)
    ;[left, right][index % 2]?.record(value)
  }
  left.merge(right)
  expect(left.percentiles()).toEqual(one.percentiles())
})

test('has numbers of buckets that stand in the store for ever', () => {
  const buckets = [0, 0.01, 0.011, 1, 1000, 60_000, 86_400_000, Infinity].map(bucketOf)
  expect(buckets).toEqual([0, 0, 2, 60, 150, 203, 298, 319])
})
