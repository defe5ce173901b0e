import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { CallContent, CallIntent, CallRecord } from '../core/contract.ts'
import { usage } from '../model/usage.ts'
import { type ContentRow, defaultAccountId, type RequestRow } from '../store/contract.ts'

/** Most characters of a text that a client or a provider chose. */
const longest = 256

/** Most characters of what a provider says of usage in its own words; more than that is not kept. */
const longestRaw = 16 * 1024

/** A call to be kept: also one that failed in a way no client is ever told of. */
export interface Settlement extends Omit<CallRecord, 'reason' | 'error' | 'modelLabel'> {
  readonly reason?: string
}

/** A row as it lies in the spool: JSON, without what is empty. */
interface StoredRow extends Partial<Omit<RequestRow, 'usage' | 'costNanoUsd'>> {
  readonly usage?: Partial<Usage>
  readonly costNanoUsd?: string
}

const emptyRow: Omit<RequestRow, 'usage' | 'costNanoUsd'> = {
  id: '',
  accountId: defaultAccountId,
  keyId: '',
  dialect: '',
  operation: '',
  alias: '',
  provider: '',
  model: '',
  vendor: '',
  streaming: false,
  attempts: [],
  status: 'error',
  reason: '',
  httpStatus: 0,
  finishReasons: [],
  priceVersion: '',
  started: 0,
  timeToFirstEvent: undefined,
  duration: 0,
  clientRequestId: '',
  upstreamRequestId: '',
  requestBytes: 0,
  responseBytes: 0,
}

/** The row of a settled call, as text for the spool. */
export function encodeRow(record: Settlement): string {
  const row: StoredRow = {
    ...whatIsKnown(record),
    provider: record.provider,
    model: cut(record.model),
    vendor: record.vendor,
    attempts: record.attempts.map((attempt) => ({
      ...attempt,
      model: cut(attempt.model),
      reason: attempt.reason ?? '',
      began: round(attempt.began),
      duration: round(attempt.duration),
    })),
    status: record.status,
    reason: record.reason ?? '',
    httpStatus: record.httpStatus,
    finishReasons: record.finishReasons,
    usage: counted(record.usage),
    ...(record.cost !== undefined && {
      costNanoUsd: record.cost.nanoUsd.toString(),
      priceVersion: record.cost.version,
    }),
    ...(record.timeToFirstEvent !== undefined && { timeToFirstEvent: round(record.timeToFirstEvent) }),
    duration: round(record.duration),
    upstreamRequestId: cut(record.upstreamRequestId),
    responseBytes: record.responseBytes,
  }
  return JSON.stringify(row)
}

/** The row of a text that {@link encodeRow} made. Throws for any other. */
export function decodeRow(text: string): RequestRow {
  const { usage: counts, costNanoUsd, ...row } = JSON.parse(text) as StoredRow
  if (typeof row.id !== 'string' || row.id === '') throw new Error('not the row of a call')
  return {
    ...emptyRow,
    ...row,
    usage: usage(counts ?? {}),
    costNanoUsd: costNanoUsd === undefined ? undefined : BigInt(costNanoUsd),
  }
}

/** An intent as text for the spool. */
export function encodeIntent(intent: CallIntent): string {
  return JSON.stringify({ ...intent, alias: cut(intent.alias) })
}

/** The intent of a text that {@link encodeIntent} made. Throws for any other. */
export function decodeIntent(text: string): CallIntent {
  const intent = JSON.parse(text) as CallIntent
  if (typeof intent.id !== 'string' || intent.id === '') throw new Error('not the intent of a call')
  return intent
}

/** What a call said and heard, with the row it belongs to, as text for the spool. */
export function encodeContent({ id, account }: CallRecord, content: CallContent, expires: number): string {
  return JSON.stringify({ id, accountId: account || defaultAccountId, ...content, expires } satisfies ContentRow)
}

/** The content of a text that {@link encodeContent} made. */
export function decodeContent(text: string): ContentRow {
  return JSON.parse(text) as ContentRow
}

function whatIsKnown(record: Settlement): StoredRow {
  return {
    id: record.id,
    accountId: record.account || defaultAccountId,
    keyId: record.keyId,
    dialect: record.dialect,
    operation: record.operation,
    alias: cut(record.alias),
    streaming: record.streaming,
    started: Math.round(record.startedAt),
    clientRequestId: record.clientRequestId,
    requestBytes: record.requestBytes,
  }
}

/** What of a usage is not zero. */
function counted(given: Usage): Partial<Usage> {
  const { $typeName: _, raw, ...counts } = given
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(counts)) if (value !== 0 && value !== false) kept[name] = value
  if (raw !== undefined && JSON.stringify(raw).length <= longestRaw) kept['raw'] = raw
  return kept
}

/** A text of somebody else's, cut. */
function cut(text: string): string {
  return text.length > longest ? text.slice(0, longest) : text
}

/** Milliseconds, to the microsecond. */
function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}
