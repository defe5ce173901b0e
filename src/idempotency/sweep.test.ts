import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fail } from '../error/index.ts'
import { sweepAnswers } from './sweep.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('answers past their time are let go of again and again, also after that failed', async () => {
  const sweep = vi.fn<(now: number) => Promise<number>>()
  sweep.mockRejectedValueOnce(fail('store_unavailable', 'gone')).mockResolvedValue(7)
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const end = sweepAnswers({ sweep }, log)
  await vi.advanceTimersByTimeAsync(30 * 60_000)
  expect(sweep.mock.calls.length).toBeGreaterThan(2)
  expect(sweep).toHaveBeenLastCalledWith(expect.any(Number))
  expect(log.warn).toHaveBeenCalledTimes(1)
  await end()
  expect(vi.getTimerCount()).toBe(0)
})
