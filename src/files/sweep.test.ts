import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fail } from '../error/index.ts'
import { startSweep } from './sweep.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('sweeps again and again, also after it failed, until it is ended', async () => {
  const sweep = vi.fn<(now: number) => Promise<number>>()
  sweep.mockResolvedValueOnce(3).mockRejectedValueOnce(fail('store_unavailable', 'gone')).mockResolvedValue(0)
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const end = startSweep({ vault: { sweep }, log, everyMs: [10, 100] })
  await vi.advanceTimersByTimeAsync(9)
  expect(sweep).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(sweep).toHaveBeenCalledWith(Date.now())
  expect(log.info).toHaveBeenCalledWith({ files: 3 }, 'files were let go of')
  await vi.advanceTimersByTimeAsync(200)
  expect(sweep).toHaveBeenCalledTimes(3)
  expect(log.warn).toHaveBeenCalledTimes(1)
  await end()
  await vi.advanceTimersByTimeAsync(1000)
  expect(sweep).toHaveBeenCalledTimes(3)
})

test('ends when a sweep that runs is over', async () => {
  const { promise, resolve } = Promise.withResolvers<number>()
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const end = startSweep({ vault: { sweep: () => promise }, log, everyMs: [10, 100] })
  await vi.advanceTimersByTimeAsync(10)
  const ended = vi.fn()
  const over = end().then(ended)
  await vi.advanceTimersByTimeAsync(0)
  expect(ended).not.toHaveBeenCalled()
  resolve(0)
  await over
  expect(vi.getTimerCount()).toBe(0)
})
