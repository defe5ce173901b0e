import { expect, test, vi } from 'vitest'
import { fail } from '../error/index.ts'
import type { VideoStore } from '../store/contract.ts'
import { Videos, type VideosParts } from './videos.ts'

test('a store that does not answer is told once, and again when that happens anew', async () => {
  const claim = vi.fn<VideoStore['claim']>().mockResolvedValue([])
  const gone = fail('store_unavailable', 'gone')
  for (let times = 0; times < 3; times += 1) claim.mockRejectedValueOnce(gone)
  claim.mockResolvedValueOnce([])
  for (let times = 0; times < 2; times += 1) claim.mockRejectedValueOnce(gone)
  const warn = vi.fn()
  const parts: Pick<VideosParts, 'settings'> & { readonly store: Pick<VideoStore, 'claim'>; readonly log: object } = {
    store: { claim },
    settings: { pollMs: 1, leaseMs: 1000, deadlineMs: 1000, most: 1, keptMs: Infinity },
    log: { warn },
  }
  const videos = new Videos(parts as unknown as VideosParts)
  videos.start()
  await expect.poll(() => claim.mock.calls.length).toBeGreaterThan(8)
  await videos.stop()
  expect(warn.mock.calls).toEqual(
    Array.from({ length: 2 }, () => [{ err: gone }, 'videos wait: the store does not answer']),
  )
})
