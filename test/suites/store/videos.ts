import { describe, expect, test } from 'vitest'
import type { NewVideo, VideoMaker, VideoStore } from '../../../src/store/contract.ts'
import { type Bed, reasonOf } from './bed.ts'
import { requestRow } from './rows.ts'

const now = 1_800_000_000_000

/** A video as it is asked for. */
export const newVideo: NewVideo = {
  id: 'video_1',
  accountId: 'acme',
  keyId: 'key-1',
  dialect: 'openai',
  alias: 'sora',
  size: '1280x720',
  seconds: 4,
  paidBy: 'paid-1',
  created: now,
  deadline: now + 3_600_000,
}
const maker: VideoMaker = { provider: 'openai', vendor: 'openai', model: 'sora-2', upstreamId: 'up-1' }
const queued = { status: 'queued', progress: 0, due: now } as const

async function take(videos: VideoStore, fields: Partial<NewVideo> = {}): Promise<void> {
  const video = { ...newVideo, ...fields }
  await videos.create(video)
  await videos.taken(video.id, maker, queued)
}

/** Videos, as jobs that are followed. */
export function videosSuite({ fresh }: Bed): void {
  describe('videos', () => {
    test('are asked for, taken by a provider, and seen by their account alone', async () => {
      const { videos } = await fresh()
      await videos.create(newVideo)
      const untaken = {
        ...newVideo,
        provider: '',
        vendor: '',
        model: '',
        upstreamId: '',
        status: 'queued',
        progress: 0,
      }
      const unended = { finished: undefined, fileId: '', problem: undefined }
      expect(await videos.video('video_1', 'all')).toEqual({ ...untaken, ...unended })
      expect(await videos.claim('me', now, 1000, 10)).toEqual([])
      const taken = { ...newVideo, ...maker, status: 'queued', progress: 0, ...unended }
      expect(await videos.taken('video_1', maker, queued)).toEqual(taken)
      await videos.create({ ...newVideo, id: 'video_3', accountId: 'third', size: '', seconds: 0 })
      const told = { size: '2x1', seconds: 8 }
      expect(await videos.taken('video_3', maker, { ...queued, ...told })).toMatchObject(told)
      expect(await videos.video('video_1', ['acme'])).toEqual(taken)
      for (const [id, scope] of [
        ['video_1', ['other']],
        ['video_2', 'all'],
      ] as const)
        expect(await reasonOf(videos.video(id, scope))).toBe('not_found')
      expect(await reasonOf(videos.cancel('video_1', ['other'], now))).toBe('not_found')
      expect(await reasonOf(videos.remove('video_1', ['other']))).toBe('not_found')
      expect(await reasonOf(videos.remove('video_1', ['acme']))).toBe('conflict')
      await take(videos, { id: 'video_2', created: now + 1 })
      const page = await videos.videos(['acme'], { limit: 1 })
      expect(page.rows.map(({ id }) => id)).toEqual(['video_2'])
      const { rows, nextCursor } = await videos.videos(['acme'], { limit: 1, cursor: page.nextCursor })
      expect([rows.map(({ id }) => id), nextCursor]).toEqual([['video_1'], undefined])
      const oldest = await videos.videos(['acme'], { limit: 1, order: 'oldest first' })
      expect(oldest.rows.map(({ id }) => id)).toEqual(['video_1'])
      const next = await videos.videos(['acme'], { limit: 1, cursor: oldest.nextCursor, order: 'oldest first' })
      expect([next.rows.map(({ id }) => id), next.nextCursor]).toEqual([['video_2'], undefined])
      expect((await videos.videos(['other'], { limit: 5 })).rows).toEqual([])
      const behind = (id: string, scope: string) => videos.videos([scope], { limit: 5, after: id })
      expect((await behind('video_2', 'acme')).rows.map(({ id }) => id)).toEqual(['video_1'])
      expect(await reasonOf(behind('video_2', 'other'))).toBe('invalid_request')
    })

    test('are on lease of one at a time, and who was overtaken changes nothing', async () => {
      const { videos } = await fresh()
      await take(videos)
      const [[first], none] = await Promise.all([videos.claim('a', now, 1000, 5), videos.claim('b', now - 1, 1000, 5)])
      expect(none).toEqual([])
      const fence = first?.fence ?? 0
      expect(await videos.claim('b', now + 999, 1000, 5)).toEqual([])
      expect(await videos.renew('video_1', fence, now + 2000)).toBe(true)
      expect(await videos.claim('b', now + 1999, 1000, 5)).toEqual([])
      const [second] = await videos.claim('b', now + 2000, 1000, 5)
      expect(second?.fence).toBe(fence + 1)
      const progress = { status: 'in_progress', progress: 50, due: now + 9000 } as const
      expect(await videos.renew('video_1', fence, now + 9000)).toBe(false)
      expect(await videos.report('video_1', fence, progress)).toBe(false)
      const problem = { reason: 'provider_error', message: 'late' }
      expect(await videos.end('video_1', fence, { status: 'failed', problem }, undefined, now)).toBe(false)
      expect(await videos.report('video_1', fence + 1, progress)).toBe(true)
      expect(await videos.video('video_1', 'all')).toMatchObject({ status: 'in_progress', progress: 50 })
      expect(await videos.claim('a', now + 8999, 1000, 5)).toEqual([])
      expect(await videos.claim('a', now + 8999, 1000, 5, 'video_1')).toHaveLength(1)
    })

    test('end once, and what they are paid by is in the request log with that', async () => {
      const { videos, ledger } = await fresh()
      await take(videos)
      const [claimed] = await videos.claim('a', now, 1000, 5)
      const fence = claimed?.fence ?? 0
      const paid = requestRow({ id: 'paid-1', accountId: 'acme', operation: 'video', costNanoUsd: 7n })
      const done = { status: 'completed', fileId: 'file-9', seconds: 3.5 } as const
      expect(await videos.end('video_1', fence, done, paid, now + 5)).toBe(true)
      const ended = { ...done, progress: 100, finished: now + 5 }
      expect(await videos.video('video_1', 'all')).toMatchObject(ended)
      expect((await ledger.request('paid-1', ['acme'])).costNanoUsd).toBe(7n)
      expect(await videos.end('video_1', fence, done, paid, now + 6)).toBe(false)
      expect(await videos.cancel('video_1', ['acme'], now + 7)).toMatchObject(ended)
      expect(await videos.claim('a', now + 99_000, 1000, 5)).toEqual([])
      await videos.forget(now + 5)
      expect(await videos.remove('video_1', ['acme'])).toMatchObject({ fileId: 'file-9' })
      expect(await reasonOf(videos.video('video_1', 'all'))).toBe('not_found')
    })

    test('that ended before a time are forgotten, and no others', async () => {
      const { videos } = await fresh()
      for (const id of ['video_1', 'video_2', 'video_3']) await take(videos, { id })
      await videos.cancel('video_1', 'all', now + 5)
      await videos.cancel('video_2', 'all', now + 6)
      await videos.forget(now + 6)
      const { rows } = await videos.videos('all', { limit: 5 })
      expect(rows.map(({ id }) => id).toSorted()).toEqual(['video_2', 'video_3'])
    })

    test('that are cancelled take nothing in that comes later', async () => {
      const { videos } = await fresh()
      await take(videos)
      await videos.create({ ...newVideo, id: 'video_2' })
      const [claimed] = await videos.claim('a', now, 1000, 5)
      expect(await videos.cancel('video_1', ['acme'], now + 5)).toMatchObject({
        status: 'cancelled',
        finished: now + 5,
      })
      const end = { status: 'completed', fileId: 'file-9', seconds: 1 } as const
      expect(await videos.end('video_1', claimed?.fence ?? 0, end, requestRow({ id: 'paid-1' }), now)).toBe(false)
      await videos.cancel('video_2', 'all', now)
      expect(await reasonOf(videos.taken('video_2', maker, queued))).toBe('not_found')
    })
  })
}
