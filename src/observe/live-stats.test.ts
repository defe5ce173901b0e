import { expect, test } from 'vitest'
import type { CallRecord } from '../core/contract.ts'
import { usage } from '../model/usage.ts'
import { LiveStats } from './live-stats.ts'

function call(fields: Partial<CallRecord>): CallRecord {
  return {
    id: 'c1',
    clientRequestId: '',
    keyId: 'k',
    account: 'acme',
    dialect: 'openai',
    operation: 'chat',
    streaming: false,
    alias: 'fast',
    provider: 'p',
    model: 'm',
    vendor: 'v',
    modelLabel: 'm',
    attempts: [],
    status: 'ok',
    httpStatus: 200,
    usage: usage({}),
    finishReasons: [],
    startedAt: 0,
    duration: 100,
    upstreamRequestId: '',
    requestBytes: 0,
    responseBytes: 0,
    ...fields,
  }
}

test('tells what is open, and what ended in the last minute', () => {
  let now = 1_000_000
  const live = new LiveStats(() => now)
  live.trying('p', 'm')
  live.trying('p', 'm')
  live.settled(call({ timeToFirstEvent: 40 }))
  live.tried('p', 'm')
  now += 30_000
  live.settled(call({ status: 'error', duration: 300 }))
  const [stats, more] = live.read().stats
  expect(more).toBeUndefined()
  expect(stats).toMatchObject({ provider: 'p', model: 'm', inFlight: 1n })
  expect([stats?.requestsPerSecond, stats?.errorsPerSecond]).toEqual([2 / 60, 1 / 60])
  expect([stats?.duration?.mean, stats?.timeToFirstEvent?.mean]).toEqual([200, 40])
  now += 31_000
  expect(live.read().stats[0]).toMatchObject({ requestsPerSecond: 1 / 60, duration: { mean: 300 } })
  live.tried('p', 'm')
  now += 60_000
  expect(live.read().stats).toEqual([])
})

test('gives models that no registry knows one name, and refused calls none', () => {
  const live = new LiveStats(() => 0)
  for (const model of ['a', 'b']) live.settled(call({ model, modelLabel: 'other' }))
  live.settled(call({ provider: '', status: 'error' }))
  expect(live.read().stats.map(({ model, requestsPerSecond }) => [model, requestsPerSecond])).toEqual([
    ['other', 2 / 60],
  ])
})
