import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fail } from '../error/index.ts'
import type { IdempotencyStore, KeptAnswer } from '../store/contract.ts'
import { Turn } from './turn.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const name = { accountId: 'acme', keyId: 'k', key: 'once' }
const patienceMs = 600_000

function turnOf(maxBytes = 10) {
  const finish = vi.fn<IdempotencyStore['finish']>().mockResolvedValue(true)
  const forget = vi.fn<IdempotencyStore['forget']>().mockResolvedValue()
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const letGo = vi.fn()
  const turn = new Turn({ store: { finish, forget }, name, fence: 'f', letGo, maxBytes, keptMs: 1000, log })
  return { turn, finish, forget, letGo, log }
}

test('what was written is kept as it was, once; nothing is given back afterwards', async () => {
  const { turn, finish, forget } = turnOf()
  turn.head(201, { 'content-type': 'text/plain', 'content-length': 6, absent: undefined })
  turn.add('größ')
  turn.add(new Uint8Array([0]))
  await turn.keep()
  await turn.giveBack()
  await turn.keep()
  const headers = { 'content-type': 'text/plain', 'content-length': '6' }
  const answer: KeptAnswer = { status: 201, headers, body: Buffer.from('größ\0') }
  expect(finish.mock.calls).toEqual([[name, 'f', answer, Date.now() + 1000]])
  expect(forget).not.toHaveBeenCalled()
})

test('what was given back is not kept', async () => {
  const { turn, finish, forget } = turnOf()
  turn.add('half')
  await turn.giveBack()
  await turn.keep()
  expect(forget.mock.calls).toEqual([[name, 'f']])
  expect(finish).not.toHaveBeenCalled()
})

test.each([
  [9, 1, 'x'.repeat(10)],
  [10, 1, undefined],
  [0, 100, undefined],
])('of %d bytes and %d more, ten are the most that is kept', async (first, then, kept) => {
  const { turn, finish } = turnOf()
  turn.add('x'.repeat(first))
  turn.add('x'.repeat(then))
  await turn.keep()
  expect(finish.mock.calls[0]?.[2].body?.toString()).toBe(kept)
})

test('what the store does not take is tried again until it is taken', async () => {
  const { turn, finish, letGo, log } = turnOf()
  for (let times = 0; times < 4; times += 1) finish.mockRejectedValueOnce(fail('store_unavailable', 'gone'))
  await turn.keep()
  expect(finish).toHaveBeenCalledTimes(1)
  // Meanwhile nobody else begins.
  await vi.advanceTimersByTimeAsync(200 + 400 + 800)
  expect(finish).toHaveBeenCalledTimes(4)
  expect(letGo).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1600)
  expect(finish).toHaveBeenCalledTimes(5)
  expect(letGo).toHaveBeenCalledTimes(1)
  expect(log.warn).toHaveBeenCalledTimes(1)
})

test.each(['keep', 'giveBack'] as const)('and given up some time: %s', async (end) => {
  const { turn, finish, forget, letGo } = turnOf()
  const asked = end === 'keep' ? finish : forget
  asked.mockRejectedValue(fail('store_unavailable', 'gone'))
  await turn[end]()
  await vi.advanceTimersByTimeAsync(patienceMs)
  expect(asked.mock.calls.length).toBeGreaterThan(5)
  expect(letGo).toHaveBeenCalled()
  asked.mockClear()
  await vi.advanceTimersByTimeAsync(10 * patienceMs)
  expect(asked).not.toHaveBeenCalled()
  expect(vi.getTimerCount()).toBe(0)
})

test('what is given back is nobody’s at once, also where the store does not take that', async () => {
  const { turn, forget, letGo } = turnOf()
  forget.mockRejectedValue(fail('store_unavailable', 'gone'))
  await turn.giveBack()
  expect(letGo).toHaveBeenCalledTimes(1)
})
