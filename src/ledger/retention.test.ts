import { expect, test, vi } from 'vitest'
import { fail } from '../error/index.ts'
import { startRetention } from './retention.ts'

const nothing = (): undefined => undefined

test('lets go of what is too old, again and again, also after a store that was away', async () => {
  const asked: [number, number][] = []
  const warnings: string[] = []
  const end = startRetention({
    store: {
      retain(before, now) {
        asked.push([before, now])
        return asked.length === 1 ? Promise.reject(fail('store_unavailable', 'gone')) : Promise.resolve()
      },
    },
    keptMs: 1000,
    log: { debug: nothing, info: nothing, error: nothing, warn: (_fields, message) => void warnings.push(message) },
    everyMs: [1, 1],
  })
  await expect.poll(() => asked.length).toBeGreaterThan(2)
  end()
  expect(asked.map(([before, now]) => now - before)).toEqual(asked.map(() => 1000))
  expect(warnings).toHaveLength(1)
})

test('keeps rows for ever when told to, and lets go of content all the same', async () => {
  const retain = vi.fn<(before: number, now: number) => Promise<void>>().mockResolvedValue()
  const end = startRetention({
    store: { retain },
    keptMs: Infinity,
    log: { debug: nothing, info: nothing, error: nothing, warn: nothing },
    everyMs: [1, 100_000],
  })
  await expect.poll(() => retain).toHaveBeenCalled()
  end()
  expect(retain.mock.calls).toEqual([[0, expect.any(Number)]])
})
