import { describe, expect, test } from 'vitest'
import type { Beginning, IdempotencyStore, KeptAnswer, OnceName } from '../../../src/store/contract.ts'
import { type Bed, reasonOf } from './bed.ts'

const now = 1_000_000
const lease = now + 100
const name: OnceName = { accountId: 'acme', keyId: 'k1', key: '~once "1"\\' }

/** Bytes that are no text, and headers that no column of text could hold apart. */
const answer: KeptAnswer = {
  status: 201,
  headers: { 'content-type': 'audio/mpeg', 'x-request-id': 'ü"\\' },
  body: new Uint8Array([0, 255, 0, 10, 128]),
}

async function fenceOf(beginning: Promise<Beginning>): Promise<string> {
  const begun = await beginning
  if (begun.state !== 'new') throw new Error(`it is ${begun.state}`)
  return begun.fence
}

async function kept(store: IdempotencyStore, of: OnceName, expires: number, content = answer): Promise<void> {
  const fence = await fenceOf(store.begin(of, 'f', lease, now))
  expect(await store.finish(of, fence, content, expires)).toBe(true)
}

/** Requests that are answered once. */
export function idempotencySuite({ fresh, open, newLocation, execute }: Bed): void {
  describe('requests that are answered once', () => {
    test('are begun by one of a hundred, of two processes, and given to all when they are answered', async () => {
      const location = await newLocation()
      const [store, other] = await Promise.all([open(location), open(location)])
      const all = () =>
        Promise.all(
          Array.from({ length: 50 }, () =>
            [store, other].map(({ idempotency }) => idempotency.begin(name, 'f', lease, now)),
          ).flat(),
        )
      const first = await all()
      const news = first.filter(({ state }) => state === 'new')
      expect(news).toHaveLength(1)
      expect(first.filter(({ state }) => state === 'in_flight')).toHaveLength(99)
      expect(first).toContainEqual({ state: 'in_flight', since: now })
      const [one] = news
      const fence = one?.state === 'new' ? one.fence : ''
      expect(await store.idempotency.finish(name, fence, answer, now + 1000)).toBe(true)
      for (const begun of await all()) expect(begun).toEqual({ state: 'done', answer })
    })

    test('are told from others that have the same name', async () => {
      const { idempotency } = await fresh()
      await idempotency.begin(name, 'f', lease, now)
      expect(await idempotency.begin(name, 'g', lease, now)).toEqual({ state: 'other_request' })
      for (const other of [
        { ...name, accountId: 'other' },
        { ...name, keyId: 'k2' },
        { ...name, key: `${name.key} ` },
        { ...name, key: name.key.toUpperCase() },
      ]) {
        await kept(idempotency, other, now + 1000)
        expect(await idempotency.begin(other, 'g', lease, now)).toEqual({ state: 'other_request' })
      }
      expect((await idempotency.begin(name, 'f', lease, now)).state).toBe('in_flight')
    })

    test('may be begun anew when the lease is over, by one, and the late one keeps nothing', async () => {
      const { idempotency } = await fresh()
      const late = await fenceOf(idempotency.begin(name, 'f', lease, now))
      expect((await idempotency.begin(name, 'f', lease + 100, lease - 1)).state).toBe('in_flight')
      const begun = await Promise.all(
        Array.from({ length: 10 }, () => idempotency.begin(name, 'g', lease + 100, lease)),
      )
      const fences = begun.flatMap((one) => (one.state === 'new' ? [one.fence] : []))
      expect(fences).toHaveLength(1)
      expect(await idempotency.finish(name, late, answer, lease + 1000)).toBe(false)
      await idempotency.forget(name, late)
      expect(await idempotency.begin(name, 'g', lease + 100, lease)).toEqual({ state: 'in_flight', since: lease })
      const content = { ...answer, body: new Uint8Array() }
      expect(await idempotency.finish(name, fences[0] ?? '', content, lease + 1000)).toBe(true)
      expect(await idempotency.begin(name, 'g', lease + 100, lease)).toEqual({ state: 'done', answer: content })
    })

    test('are kept from others while they are renewed, each by its own fence', async () => {
      const { idempotency } = await fresh()
      const names = Array.from({ length: 250 }, (_, index) => ({ ...name, key: `key-${index}` }))
      const claims = await Promise.all(
        names.map(async (one) => ({ name: one, fence: await fenceOf(idempotency.begin(one, 'f', lease, now)) })),
      )
      const [first, second] = claims
      if (first === undefined || second === undefined) throw new Error('nothing was begun')
      // One is answered, and one is another's by now.
      expect(await idempotency.finish(first.name, first.fence, answer, now + 1000)).toBe(true)
      await idempotency.forget(second.name, second.fence)
      await idempotency.begin(second.name, 'f', lease, now)
      await idempotency.renew(claims, lease + 500)
      await idempotency.renew([], lease + 500)
      expect(await idempotency.sweep(lease)).toBe(1)
      const begun = await Promise.all(names.map((one) => idempotency.begin(one, 'f', lease + 600, lease + 499)))
      expect(begun.map(({ state }) => state)).toEqual(['done', 'new', ...Array<string>(248).fill('in_flight')])
      expect((await idempotency.begin(first.name, 'f', lease, now + 1000)).state).toBe('new')
    })

    test('are kept again by whoever renews them late, unless another has begun', async () => {
      const { idempotency } = await fresh()
      const fence = await fenceOf(idempotency.begin(name, 'f', lease, now))
      await idempotency.renew([{ name, fence }], lease + 500)
      expect((await idempotency.begin(name, 'f', lease + 500, lease + 100)).state).toBe('in_flight')
      const other = await fenceOf(idempotency.begin(name, 'f', lease + 600, lease + 500))
      await idempotency.renew([{ name, fence }], lease + 9000)
      expect((await idempotency.begin(name, 'f', lease + 900, lease + 600)).state).toBe('new')
      expect(await idempotency.finish(name, other, answer, lease + 9000)).toBe(false)
    })

    test('that came late, and were not begun anew, keep their answer', async () => {
      const { idempotency } = await fresh()
      const late = await fenceOf(idempotency.begin(name, 'f', lease, now))
      expect(await idempotency.finish(name, late, answer, lease + 1000)).toBe(true)
      expect((await idempotency.begin(name, 'f', lease, lease + 1)).state).toBe('done')
    })

    test('may be begun anew when they are forgotten, but not once they are answered', async () => {
      const { idempotency } = await fresh()
      const first = await fenceOf(idempotency.begin(name, 'f', lease, now))
      await idempotency.forget(name, first)
      const second = await fenceOf(idempotency.begin(name, 'g', lease, now))
      // Whoever was forgotten cannot come back, though the name is the same.
      expect(await idempotency.finish(name, first, answer, now + 1000)).toBe(false)
      await idempotency.forget(name, first)
      expect(await idempotency.finish(name, second, answer, now + 1000)).toBe(true)
      await idempotency.forget(name, second)
      expect(await idempotency.finish(name, second, { ...answer, status: 500 }, now + 9000)).toBe(false)
      expect(await idempotency.begin(name, 'g', lease, now)).toEqual({ state: 'done', answer })
    })

    test('keep that they were answered also where the answer was too large', async () => {
      const { idempotency } = await fresh()
      const content = { ...answer, body: undefined }
      await kept(idempotency, name, now + 1000, content)
      expect(await idempotency.begin(name, 'f', lease, now)).toEqual({ state: 'done', answer: content })
    })

    test('are over to the millisecond, and swept', async () => {
      const { idempotency } = await fresh()
      await kept(idempotency, name, now + 1000)
      await kept(idempotency, { ...name, key: 'later' }, now + 1001)
      await idempotency.begin({ ...name, key: 'underway' }, 'f', now + 1001, now)
      await idempotency.begin({ ...name, key: 'abandoned' }, 'f', now + 1000, now)
      expect(await idempotency.sweep(now + 999)).toBe(0)
      expect((await idempotency.begin(name, 'f', lease, now + 999)).state).toBe('done')
      expect(await idempotency.sweep(now + 1000)).toBe(2)
      expect(await idempotency.sweep(now + 1000)).toBe(0)
      expect((await idempotency.begin({ ...name, key: 'later' }, 'f', lease, now + 1000)).state).toBe('done')
      expect((await idempotency.begin(name, 'g', lease, now + 1000)).state).toBe('new')
    })

    test('are not swept where they begin anew meanwhile, and by two that sweep at once taken once', async () => {
      const location = await newLocation()
      const [{ idempotency }, other] = await Promise.all([open(location), open(location)])
      const names = Array.from({ length: 40 }, (_, index) => ({ ...name, key: `key-${index}` }))
      await Promise.all(names.map((one) => idempotency.begin(one, 'f', lease, now)))
      const renewing = names.slice(0, 20).map((one) => idempotency.begin(one, 'g', lease + 100, lease))
      const swept = await Promise.all([idempotency.sweep(lease), other.idempotency.sweep(lease)])
      const begun = await Promise.all(renewing)
      expect(begun.filter(({ state }) => state === 'new')).toHaveLength(20)
      const left = await Promise.all(names.slice(0, 20).map((one) => idempotency.begin(one, 'g', lease + 100, lease)))
      expect(left.filter(({ state }) => state === 'in_flight')).toHaveLength(20)
      expect((swept[0] ?? 0) + (swept[1] ?? 0) + (await idempotency.sweep(lease))).toBeGreaterThanOrEqual(20)
    })

    test('are swept however many there are', async () => {
      const location = await newLocation()
      const { idempotency } = await open(location)
      await execute(
        location,
        `insert into once_request (account_id, key_id, name, fingerprint, fence, begun, expires, headers)
         select 'a', 'k', cast(n as text), 'f', 'x', 1, 2, '' from (
           with recursive counted(n) as (select 1 union all select n + 1 from counted where n < 1300)
           select n from counted) as numbers`,
      )
      expect(await idempotency.sweep(2)).toBe(1300)
    })

    test('have no NUL in what they are called', async () => {
      const { idempotency } = await fresh()
      expect(await reasonOf(idempotency.begin({ ...name, key: 'a\0b' }, 'f', lease, now))).toBe('invalid_request')
    })

    test('whose answer was spoilt are not begun anew', async () => {
      const location = await newLocation()
      const { idempotency } = await open(location)
      await kept(idempotency, name, now + 1000)
      await execute(location, `update once_request set headers = 'no JSON'`)
      expect(await reasonOf(idempotency.begin(name, 'f', lease, now))).toBe('internal')
    })
  })
}
