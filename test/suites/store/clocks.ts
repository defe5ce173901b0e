import { afterEach, describe, expect, test, vi } from 'vitest'
import type { LineClaim } from '../../../src/store/contract.ts'
import { newBatch } from './batches.ts'
import type { Bed } from './bed.ts'
import { newVideo } from './videos.ts'

const lease = 30_000
const fast = 3_600_000

/** Leases where the clocks of machines do not agree. */
export function clocksSuite({ engine, open, newLocation }: Bed): void {
  // Processes of one file are on one machine.
  describe.runIf(engine === 'postgres')('leases of a machine whose clock is an hour fast', () => {
    afterEach(() => void vi.restoreAllMocks())

    /** A store of such a machine beside one whose clock is right, and what time the two have. */
    async function machines() {
      const location = await newLocation()
      const right = await open(location)
      const clock = Date.now
      vi.spyOn(Date, 'now').mockImplementation(() => clock() + fast)
      const wrong = await open(location)
      vi.restoreAllMocks()
      const now = Date.now()
      return { right, wrong, now, ahead: now + fast }
    }

    test('are those of everybody else: of batches and their lines', async () => {
      const { right, wrong, now, ahead } = await machines()
      const { id } = newBatch()
      await right.batches.create(newBatch({ id, created: now, expires: now + 60_000 }))
      const job = await right.batches.claimJob('right', now, lease)
      expect(await wrong.batches.claimJob('wrong', ahead, lease)).toBeUndefined()
      const fence = job?.fence ?? -1
      await right.batches.addLines(id, fence, [{ line: 1, customId: 'a', method: 'POST', url: '/', body: '{}' }])
      await right.batches.begin(id, fence, now)
      // Neither is its time over.
      expect(await wrong.batches.claimJob('wrong', ahead, lease)).toBeUndefined()
      const limits = { lines: 9, perBatch: 9 }
      const claimed: readonly LineClaim[] = await right.batches.claim('right', now, lease, limits)
      expect(claimed).toHaveLength(1)
      expect(await wrong.batches.claim('wrong', ahead + lease - 2000, lease, limits)).toEqual([])
      const [taken] = await wrong.batches.claim('wrong', ahead + lease + 2000, lease, limits)
      expect(taken).toMatchObject({ batchId: id, line: 1 })
      if (taken === undefined) throw new Error('nothing was taken')
      expect(await right.batches.claim('right', now + 2 * lease - 2000, lease, limits)).toEqual([])
      expect(await wrong.batches.renew([taken], ahead + 3 * lease)).toHaveLength(1)
      expect(await right.batches.claim('right', now + 3 * lease - 2000, lease, limits)).toEqual([])
      await wrong.batches.release(taken, ahead + 5000, true)
      expect(await right.batches.claim('right', now + 7000, lease, limits)).toHaveLength(1)
    })

    test('of videos', async () => {
      const { right, wrong, now, ahead } = await machines()
      await right.videos.create({ ...newVideo, created: now, deadline: now + 1000 })
      expect(await wrong.videos.claim('wrong', ahead - 2000, lease, 9)).toEqual([])
      expect(await wrong.videos.claim('wrong', ahead + 3000, lease, 9)).toHaveLength(1)
      expect(await right.videos.claim('right', now + lease, lease, 9)).toEqual([])
      expect(await right.videos.claim('right', now + lease + 5000, lease, 9)).toHaveLength(1)
    })

    test('and of requests that are answered once', async () => {
      const { right, wrong, now, ahead } = await machines()
      const name = { accountId: 'acme', keyId: 'k', key: 'once' }
      await right.idempotency.begin(name, 'f', now + lease, now)
      expect((await wrong.idempotency.begin(name, 'f', ahead + lease, ahead)).state).toBe('in_flight')
      expect(await wrong.idempotency.sweep(ahead)).toBe(0)
      const begun = await wrong.idempotency.begin(name, 'f', ahead + 2 * lease, ahead + lease + 2000)
      if (begun.state !== 'new') throw new Error(`it is ${begun.state}`)
      expect((await right.idempotency.begin(name, 'f', now + 9 * lease, now + 2 * lease - 2000)).state).toBe(
        'in_flight',
      )
      await wrong.idempotency.finish(name, begun.fence, { status: 200, headers: {}, body: undefined }, ahead + 9000)
      expect((await right.idempotency.begin(name, 'f', now + lease, now + 7000)).state).toBe('done')
      expect((await right.idempotency.begin(name, 'f', now + lease, now + 11_000)).state).toBe('new')
    })
  })
}
