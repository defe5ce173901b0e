import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fail, type Reason, reasons } from '../error/index.ts'
import { mayFallBack, RetryBudget, retryDelay, type RetryPolicy } from './retry.ts'

const policy: RetryPolicy = { perTarget: 2, budget: 0.2, maxRetryAfterMs: 10_000 }
const busy = fail('provider_unavailable', 'busy')
const least = (): number => 0
const most = (): number => 1 - Number.EPSILON

describe('the wait before a retry', () => {
  test.each([
    [1, 200],
    [2, 400],
    [3, 800],
    [4, 1600],
    [5, 3200],
    [6, 5000],
    [10, 5000],
    [1000, 5000],
  ])('before try %i is drawn from zero to %i ms', (tries, limit) => {
    expect(retryDelay(busy, tries, policy, least)).toBe(0)
    expect(retryDelay(busy, tries, policy, () => 0.5)).toBe(limit / 2)
    expect(retryDelay(busy, tries, policy, most)).toBeCloseTo(limit, 6)
  })

  test('is never outside of its bounds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (tries, drawn) => {
          const delay = retryDelay(busy, tries, policy, () => drawn)
          expect(delay).toBeGreaterThanOrEqual(0)
          expect(delay).toBeLessThanOrEqual(Math.min(5000, 200 * 2 ** (tries - 1)))
        },
      ),
    )
  })

  test('is what the upstream asks for, when that is more', () => {
    const asked = fail('rate_limited', 'slow down', { retryAfterSeconds: 7 })
    expect(retryDelay(asked, 1, policy, most)).toBe(7000)
    expect(retryDelay(fail('rate_limited', 'slow', { retryAfterSeconds: 0 }), 1, policy, () => 0.5)).toBe(100)
  })

  test('may be just as long as the cap, and not a moment longer', () => {
    const asked = (retryAfterSeconds: number) => fail('rate_limited', 'slow down', { retryAfterSeconds })
    expect(retryDelay(asked(10), 1, policy, least)).toBe(10_000)
    expect(retryDelay(asked(10.001), 1, policy, least)).toBeUndefined()
    expect(retryDelay(asked(3600), 1, policy, least)).toBeUndefined()
    expect(retryDelay(asked(1), 1, { ...policy, maxRetryAfterMs: 0 }, least)).toBeUndefined()
  })
})

const retried: readonly Reason[] = [
  'provider_error',
  'provider_unreachable',
  'provider_interrupted',
  'provider_unavailable',
  'rate_limited',
  'timeout',
]
const passedOver = new Set<Reason>([
  ...retried,
  'provider_credential',
  'unsupported_operation',
  'not_found',
  'model_not_found',
])

describe.each(Object.keys(reasons) as Reason[])('%s', (reason) => {
  test(`is ${retried.includes(reason) ? '' : 'not '}tried again at the same target`, () => {
    expect(retryDelay(fail(reason, 'x'), 1, policy, least) !== undefined).toBe(retried.includes(reason))
  })

  test(`${passedOver.has(reason) ? 'goes' : 'does not go'} to the next target`, () => {
    expect(mayFallBack(fail(reason, 'x'))).toBe(passedOver.has(reason))
  })

  test('is never tried again when its error says that this is useless', () => {
    expect(retryDelay(fail(reason, 'x', { retryable: false }), 1, policy, least)).toBeUndefined()
  })
})

describe('the budget for retries', () => {
  const start = 1_000_000
  const take = (budget: RetryBudget, wanted: number, now: number): number =>
    Array.from({ length: wanted }, () => budget.take(now)).filter(Boolean).length

  test('is a share of the requests', () => {
    const budget = new RetryBudget(0.2)
    for (let count = 0; count < 100; count++) budget.request(start)
    expect(take(budget, 100, start)).toBe(20)
  })

  test('leaves one retry to whoever asks seldom, and only one', () => {
    const budget = new RetryBudget(0.2)
    budget.request(start)
    expect(take(budget, 5, start)).toBe(1)
  })

  test('grows with every further request', () => {
    const budget = new RetryBudget(0.5)
    const granted = Array.from({ length: 20 }, () => {
      budget.request(start)
      return budget.take(start)
    })
    expect(granted.filter(Boolean)).toHaveLength(10)
  })

  test('forgets requests and retries alike as time passes', () => {
    const budget = new RetryBudget(0.2)
    for (let count = 0; count < 100; count++) budget.request(start)
    expect(take(budget, 100, start)).toBe(20)
    expect(take(budget, 1, start + 9_000)).toBe(0)
    for (let count = 0; count < 50; count++) budget.request(start + 11_000)
    // Half of what was: 50 requests and 10 retries, and then 50 requests more.
    expect(take(budget, 100, start + 11_000)).toBe(10)
  })

  test('starts afresh after a long silence', () => {
    const budget = new RetryBudget(0.2)
    for (let count = 0; count < 100; count++) budget.request(start)
    take(budget, 100, start)
    expect(take(budget, 5, start + 3_600_000)).toBe(1)
  })

  test('holds over any stretch of traffic', () => {
    const step = fc.record({ wait: fc.integer({ min: 0, max: 4_000 }), failed: fc.boolean() })
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 50, maxLength: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (steps, ratio) => {
          const budget = new RetryBudget(ratio)
          let now = start
          let retries = 0
          for (const { wait, failed } of steps) {
            now += wait
            budget.request(now)
            if (failed && budget.take(now)) retries++
          }
          // One is always left to whoever asks seldom, at most once for each window.
          const windows = Math.ceil((now - start) / 10_000) + 1
          expect(retries).toBeLessThanOrEqual(ratio * steps.length + windows + 1)
        },
      ),
    )
  })
})
