import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fail } from '../error/index.ts'
import type { IdempotencyStore } from '../store/contract.ts'
import { Leases } from './leases.ts'

beforeEach(() => vi.useFakeTimers({ now: 0 }))
afterEach(() => vi.useRealTimers())

const name = { accountId: 'acme', keyId: 'k', key: 'once' }

function leasesOf() {
  const renew = vi.fn<IdempotencyStore['renew']>().mockResolvedValue()
  const leases = new Leases({ store: { renew }, leaseMs: 60_000, everyMs: [5000, 5000], mostMs: 300_000 })
  /** Which fences were renewed, and until when, since it was asked last. */
  const renewed = () =>
    renew.mock.calls.splice(0).map(([claims, until]) => [claims.map(({ fence }) => fence).join(), until] as const)
  return { leases, renew, renewed }
}

test('all that are held are renewed together, long before they are over, and not before they need it', async () => {
  const { leases, renewed } = leasesOf()
  leases.hold(name, 'a', 60_000)
  leases.hold({ ...name, key: 'other' }, 'b', 60_000)
  await vi.advanceTimersByTimeAsync(20_000)
  expect(renewed()).toEqual([])
  await vi.advanceTimersByTimeAsync(5000)
  expect(renewed()).toEqual([['a,b', 85_000]])
  await vi.advanceTimersByTimeAsync(25_000)
  expect(renewed()).toEqual([['a,b', 110_000]])
  await leases.close()
})

test('what is let go of is not renewed', async () => {
  const { leases, renewed } = leasesOf()
  const letGo = leases.hold(name, 'a', 60_000)
  leases.hold(name, 'b', 60_000)
  letGo()
  await vi.advanceTimersByTimeAsync(25_000)
  expect(renewed()).toEqual([['b', 85_000]])
  await leases.close()
})

test('what the store does not take is renewed as soon as it does', async () => {
  const { leases, renew, renewed } = leasesOf()
  leases.hold(name, 'a', 60_000)
  renew.mockRejectedValue(fail('store_unavailable', 'gone'))
  await vi.advanceTimersByTimeAsync(100_000)
  renewed()
  renew.mockResolvedValue()
  await vi.advanceTimersByTimeAsync(5000)
  expect(renewed()).toEqual([['a', 165_000]])
  await leases.close()
})

test('what never ends is let go of', async () => {
  const { leases, renewed } = leasesOf()
  leases.hold(name, 'a', 60_000)
  await vi.advanceTimersByTimeAsync(300_000)
  expect(renewed().length).toBeGreaterThan(5)
  await vi.advanceTimersByTimeAsync(300_000)
  expect(renewed()).toEqual([])
  await leases.close()
})
