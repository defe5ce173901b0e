import { create } from '@bufbuild/protobuf'
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt'
import {
  ListRequestsRequestSchema,
  QueryUsageRequestSchema,
  type RequestRecord,
  type UsageFilter,
  UsageFilterSchema,
  type UsageRow,
} from '#gen/switchyard/v1/usage_pb.ts'
import { fail } from '../../error/index.ts'
import { writtenTime } from '../../model/written-time.ts'
import type { Route } from '../contract.ts'
import { pageLimit } from '../page-limit.ts'
import { isoTime } from '../times.ts'
import { listed, oneRequest, usagePage, usageQuery } from './usage-types.ts'

/** The request log and its sums. */
export const usageRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/v1/inference/usage',
    summary: 'Sums over the request log, and its newest rows',
    permission: 'usage:read',
    query: usageQuery,
    response: usagePage,
    async answer({ query }, { usage }) {
      const filter = filterOf(query)
      const page = { limit: pageLimit(query, listed), cursor: query.get('cursor') ?? '' }
      const [sums, list] = await Promise.all([
        usage.query(create(QueryUsageRequestSchema, { filter })),
        usage.requests(create(ListRequestsRequestSchema, { filter, ...page })),
      ])
      return {
        success: true,
        data: {
          summary: summaryOf(sums.total),
          requests: list.requests.map(encodeRequest),
          ...(list.nextCursor !== '' && { nextCursor: list.nextCursor }),
        },
      }
    },
  },
  {
    method: 'GET',
    path: '/api/v1/inference/requests/:id',
    summary: 'One row of the request log, by its id or by the x-request-id that the client sent',
    permission: 'requests:read',
    response: oneRequest,
    answer: async ({ params }, { usage }) => ({
      success: true,
      data: encodeRequest(await usage.request(params['id'] ?? '')),
    }),
  },
]

function filterOf(query: URLSearchParams): UsageFilter {
  const since = timeOf(query, 'since')
  const until = timeOf(query, 'until')
  return create(UsageFilterSchema, {
    provider: query.get('provider') ?? '',
    model: query.get('model') ?? '',
    keyId: query.get('key') ?? '',
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  })
}

/** A date, which is midnight in UTC, or a time with its zone. */
function timeOf(query: URLSearchParams, name: string): Timestamp | undefined {
  // A plus that is not percent-encoded is a space in a query.
  const text = query.get(name)?.replace(/ (?=\d\d:\d\d$)/, '+') ?? ''
  if (text === '') return undefined
  const milliseconds = writtenTime(text)
  if (Number.isNaN(milliseconds))
    throw fail(
      'invalid_request',
      `${name}: must be a date such as 2026-03-01, or a time such as 2026-03-01T12:00:00Z`,
      {
        param: name,
      },
    )
  return timestampFromMs(milliseconds)
}

function summaryOf(total: UsageRow | undefined): object {
  const input = Number(total?.usage?.inputTokens ?? 0n)
  const output = Number(total?.usage?.outputTokens ?? 0n)
  return {
    totalRequests: Number(total?.requests ?? 0n),
    totalErrors: Number(total?.errors ?? 0n),
    totalInputTokens: input,
    totalOutputTokens: output,
    totalTokens: input + output,
    avgDurationMs: Math.round(total?.duration?.mean ?? 0),
    totalCostUsd: usd(total?.costNanoUsd),
  }
}

/** US dollars, or null where no price is known. */
function usd(nano: bigint | undefined): number | null {
  return nano === undefined ? null : Number(nano) / 1e9
}

function encodeRequest(record: RequestRecord): object {
  const { usage, started, attempts } = record
  return {
    id: record.id,
    ...(record.clientRequestId !== '' && { clientRequestId: record.clientRequestId }),
    ...(record.upstreamRequestId !== '' && { upstreamRequestId: record.upstreamRequestId }),
    account: record.accountId,
    key: record.keyId,
    dialect: record.dialect,
    operation: record.operation,
    streaming: record.streaming,
    requestedModel: record.alias,
    provider: record.provider,
    model: record.model,
    status: record.status,
    ...(record.reason !== '' && { reason: record.reason }),
    httpStatus: record.httpStatus,
    inputTokens: usage?.inputTokens ?? 0,
    outputTokens: usage?.outputTokens ?? 0,
    cacheReadTokens: usage?.cacheReadTokens ?? 0,
    cacheWriteTokens: (usage?.cacheWrite5mTokens ?? 0) + (usage?.cacheWrite1hTokens ?? 0),
    reasoningTokens: usage?.reasoningTokens ?? 0,
    estimated: usage?.estimated ?? false,
    costUsd: usd(record.costNanoUsd),
    durationMs: record.duration,
    ...(record.timeToFirstEvent > 0 && { timeToFirstEventMs: record.timeToFirstEvent }),
    attempts: attempts.map(({ provider, model, status, reason, began, duration }) => ({
      provider,
      model,
      status,
      ...(reason !== '' && { reason }),
      beganMs: began,
      durationMs: duration,
    })),
    created: started === undefined ? '' : isoTime(started),
    ...(record.requestContent !== '' && { request: record.requestContent }),
    ...(record.responseContent !== '' && { response: record.responseContent }),
  }
}
