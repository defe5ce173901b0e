import { create } from '@bufbuild/protobuf'
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import {
  type ListRequestsRequest,
  ListRequestsResponseSchema,
  QueryUsageResponseSchema,
  type QueryUsageRequest,
  RequestRecordSchema,
} from '#gen/switchyard/v1/usage_pb.ts'
import type { RequestFacts } from '../contract.ts'
import type { Surface, UsageOperations } from '../surface.ts'
import { usageRoutes } from './usage-routes.ts'

const record = create(RequestRecordSchema, {
  id: '019a0000-0000-7000-8000-000000000001',
  accountId: 'acme',
  keyId: 'a1b2c3d4e5f6',
  dialect: 'platform',
  operation: 'chat',
  alias: 'gpt-4o',
  provider: 'openai',
  model: 'gpt-4o',
  status: 'ok',
  httpStatus: 200,
  usage: { inputTokens: 15, outputTokens: 12, cacheWrite5mTokens: 2, cacheWrite1hTokens: 3 },
  costNanoUsd: 157_500n,
  started: timestampFromDate(new Date('2026-03-05T12:00:00.000Z')),
  duration: 450.5,
})

const unasked = (): never => {
  throw new Error('not asked for here')
}

/** The routes over a log of one row, with what they asked for. */
function asked(run: (surface: Surface) => unknown) {
  const seen: { query?: QueryUsageRequest; list?: ListRequestsRequest } = {}
  const usage: UsageOperations = {
    query: (request) => {
      seen.query = request
      const total = {
        requests: 42n,
        errors: 1n,
        usage: { inputTokens: 15_000n, outputTokens: 8500n },
        duration: { mean: 450.4 },
        costNanoUsd: 1_500_000_000n,
      }
      return Promise.resolve(create(QueryUsageResponseSchema, { total }))
    },
    requests: (request) => {
      seen.list = request
      return Promise.resolve(create(ListRequestsResponseSchema, { requests: [record], nextCursor: 'next' }))
    },
    request: () => Promise.resolve(record),
    tail: unasked,
    live: unasked,
  }
  const surface: Surface = {
    usage,
    get registry() {
      return unasked()
    },
    get keys() {
      return unasked()
    },
    get batches() {
      return unasked()
    },
    get files() {
      return unasked()
    },
    get videos() {
      return unasked()
    },
  }
  return { seen, answer: Promise.resolve(run(surface)) }
}

function ask(path: string, query = '', params: RequestFacts['params'] = {}) {
  const route = usageRoutes.find((candidate) => candidate.path === path)
  const facts = { requestId: 'req-1', header: () => undefined, query: new URLSearchParams(query), params }
  const { seen, answer } = asked((surface) => route?.answer(facts, surface, undefined))
  return { seen, answer, schema: route?.response }
}

describe('GET usage', () => {
  test('answers with the summary of the page and the newest rows', async () => {
    const { seen, answer, schema } = ask('/api/v1/inference/usage', 'since=2026-03-01&provider=openai&key=a1')
    const body = await answer
    expect(schema?.safeParse(body).error).toBeUndefined()
    expect(body).toMatchObject({
      success: true,
      data: {
        summary: {
          totalRequests: 42,
          totalErrors: 1,
          totalInputTokens: 15_000,
          totalOutputTokens: 8500,
          totalTokens: 23_500,
          avgDurationMs: 450,
          totalCostUsd: 1.5,
        },
        requests: [{ id: record.id, costUsd: 0.0001575, cacheWriteTokens: 5, created: '2026-03-05T12:00:00.000Z' }],
        nextCursor: 'next',
      },
    })
    const filter = seen.query?.filter
    expect(filter).toMatchObject({ provider: 'openai', keyId: 'a1', model: '' })
    expect(filter?.since && timestampDate(filter.since).toISOString()).toBe('2026-03-01T00:00:00.000Z')
    expect(seen.list).toMatchObject({ limit: 50, cursor: '' })
  })

  test.each([
    ['since=yesterday', 'since'],
    ['since=2026-13-01', 'since'],
    ['since=2026-02-30', 'since'],
    ['until=2026-03-01T12:00:00', 'until'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=1e2', 'limit'],
    ['limit=-1', 'limit'],
  ])('refuses %s and names the field', async (query, param) => {
    const failure = (async () => ask('/api/v1/inference/usage', query).answer)()
    await expect(failure).rejects.toMatchObject({ reason: 'invalid_request', details: { param } })
  })

  test.each(['%2B', '+'])('takes a time with its zone, written %s', async (plus) => {
    const until = `2026-03-01T01:00:00${plus}02:00`
    const { seen, answer } = ask('/api/v1/inference/usage', `until=${until}&limit=1000&cursor=c`)
    await answer
    expect(seen.query?.filter?.until && timestampDate(seen.query.filter.until).toISOString()).toBe(
      '2026-02-28T23:00:00.000Z',
    )
    expect(seen.list).toMatchObject({ limit: 1000, cursor: 'c' })
  })
})

test('GET requests/:id answers with the row', async () => {
  const { answer, schema } = ask('/api/v1/inference/requests/:id', '', { id: record.id })
  const body = await answer
  expect(schema?.safeParse(body).error).toBeUndefined()
  expect(body).toMatchObject({ success: true, data: { id: record.id, inputTokens: 15, outputTokens: 12 } })
})
