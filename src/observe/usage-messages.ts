import { create } from '@bufbuild/protobuf'
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt'
import {
  PercentilesSchema,
  type RequestRecord,
  RequestRecordSchema,
  type UsageFilter,
  type UsageRow,
  UsageRowSchema,
} from '#gen/switchyard/v1/usage_pb.ts'
import { usageTotals } from '../model/usage-totals.ts'
import type { ContentRow, RequestFilter, RequestRow, UsageGroup } from '../store/contract.ts'

/** A row of the request log as the contract shows it. */
export function recordMessage(row: RequestRow, content?: ContentRow): RequestRecord {
  const { costNanoUsd, started, timeToFirstEvent, attempts, finishReasons, requestBytes, responseBytes } = row
  return create(RequestRecordSchema, {
    id: row.id,
    accountId: row.accountId,
    keyId: row.keyId,
    dialect: row.dialect,
    operation: row.operation,
    alias: row.alias,
    provider: row.provider,
    model: row.model,
    attempts: attempts.map((attempt) => ({ ...attempt })),
    status: row.status,
    reason: row.reason,
    usage: row.usage,
    ...(costNanoUsd !== undefined && { costNanoUsd }),
    priceVersion: row.priceVersion,
    started: timestampFromMs(started),
    timeToFirstEvent: timeToFirstEvent ?? 0,
    duration: row.duration,
    clientRequestId: row.clientRequestId,
    upstreamRequestId: row.upstreamRequestId,
    requestBytes: BigInt(requestBytes),
    responseBytes: BigInt(responseBytes),
    streaming: row.streaming,
    httpStatus: row.httpStatus,
    finishReasons: [...finishReasons],
    requestContent: content?.request ?? '',
    responseContent: content?.response ?? '',
  })
}

/** A filter as a store takes it. */
export function filterOf(filter: UsageFilter | undefined): RequestFilter {
  if (filter === undefined) return {}
  const { provider, model, alias, keyId, accountId, operation, dialect, status, since, until } = filter
  const named = { provider, model, alias, keyId, accountId, operation, dialect, status }
  return {
    ...(Object.fromEntries(Object.entries(named).filter(([, value]) => value !== '')) as RequestFilter),
    ...(since !== undefined && { since: timestampMs(since) }),
    ...(until !== undefined && { until: timestampMs(until) }),
  }
}

/** Sums of a group as the contract shows them. */
export function groupMessage(group: UsageGroup): UsageRow {
  const { costNanoUsd } = group
  return create(UsageRowSchema, {
    group: [...group.group],
    requests: group.requests,
    errors: group.errors,
    usage: usageTotals(group.usage),
    ...(costNanoUsd !== undefined && { costNanoUsd }),
    unpricedRequests: group.unpricedRequests,
    duration: percentiles(group.duration),
    timeToFirstEvent: percentiles(group.timeToFirstEvent),
  })
}

function percentiles(row: UsageGroup['duration']) {
  return create(PercentilesSchema, { ...row })
}
