import type { JsonValue } from '@bufbuild/protobuf'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { CallContent, CallIntent, CallRecord } from '../core/contract.ts'
import { usage } from '../model/usage.ts'
import { type AttemptRow, type ContentRow, defaultAccountId, type RequestRow } from '../store/contract.ts'

/** Most characters of a text that a client or a provider chose. */
const longest = 256

/** Most characters of a row together with what a provider says of usage in its own words; more of those are not kept. */
const longestRow = 32 * 1024

/** A call to be kept: also one that failed in a way no client is ever told of. */
export interface Settlement extends Omit<CallRecord, 'reason' | 'error' | 'modelLabel'> {
  readonly reason?: string
}

/**
 * A row as it lies in the spool: a list, which takes half the room and the time of an object. One with other fields needs another
 * number at its front: what an older version left behind must still be read.
 */
type StoredRow = readonly [
  version: 1,
  id: string,
  accountId: string,
  keyId: string,
  dialect: string,
  operation: string,
  streaming: 0 | 1,
  alias: string,
  provider: string,
  model: string,
  vendor: string,
  attempts: readonly StoredAttempt[],
  status: RequestRow['status'],
  reason: string,
  httpStatus: number,
  finishReasons: readonly string[],
  usage: Partial<Usage>,
  costNanoUsd: string | null,
  priceVersion: string,
  started: number,
  timeToFirstEvent: number | null,
  duration: number,
  clientRequestId: string,
  upstreamRequestId: string,
  requestBytes: number,
  responseBytes: number,
]

type StoredAttempt = readonly [
  provider: string,
  model: string,
  status: string,
  reason: string,
  began: number,
  duration: number,
]

/** The row of a settled call, as text for the spool. */
export function encodeRow(record: Settlement): string {
  const text = encode(record, record.usage.raw)
  return text.length <= longestRow ? text : encode(record, undefined)
}

function encode(record: Settlement, raw: Usage['raw']): string {
  const { cost, timeToFirstEvent } = record
  const row: StoredRow = [
    1,
    record.id,
    record.account || defaultAccountId,
    record.keyId,
    record.dialect,
    record.operation,
    record.streaming ? 1 : 0,
    cut(record.alias),
    record.provider,
    cut(record.model),
    record.vendor,
    record.attempts.map(({ provider, model, status, reason = '', began, duration }) => [
      provider,
      cut(model),
      status,
      reason,
      round(began),
      round(duration),
    ]),
    record.status,
    record.reason ?? '',
    record.httpStatus,
    record.finishReasons,
    counted(record.usage, raw),
    cost === undefined ? null : cost.nanoUsd.toString(),
    cost?.version ?? '',
    Math.round(record.startedAt),
    timeToFirstEvent === undefined ? null : round(timeToFirstEvent),
    round(record.duration),
    record.clientRequestId,
    cut(record.upstreamRequestId),
    record.requestBytes,
    record.responseBytes,
  ]
  return JSON.stringify(row)
}

/** The row of a text that {@link encodeRow} made. Throws for any other. */
export function decodeRow(text: string): RequestRow {
  const row = JSON.parse(text) as StoredRow
  if (!Array.isArray(row) || row[0] !== 1) throw new Error('not the row of a call')
  return {
    id: row[1],
    accountId: row[2],
    keyId: row[3],
    dialect: row[4],
    operation: row[5],
    streaming: row[6] === 1,
    alias: row[7],
    provider: row[8],
    model: row[9],
    vendor: row[10],
    attempts: row[11].map(decodeAttempt),
    status: row[12],
    reason: row[13],
    httpStatus: row[14],
    finishReasons: row[15],
    usage: usage(row[16]),
    costNanoUsd: row[17] === null ? undefined : BigInt(row[17]),
    priceVersion: row[18],
    started: row[19],
    timeToFirstEvent: row[20] ?? undefined,
    duration: row[21],
    clientRequestId: row[22],
    upstreamRequestId: row[23],
    requestBytes: row[24],
    responseBytes: row[25],
  }
}

function decodeAttempt([provider, model, status, reason, began, duration]: StoredAttempt): AttemptRow {
  return { provider, model, status, reason, began, duration }
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

/** What of a usage is not zero. */
function counted(given: Usage, raw: Usage['raw']): Partial<Usage> {
  const kept: Record<string, unknown> = {}
  for (const name in given) {
    const value = given[name as keyof Usage]
    if ((typeof value === 'number' && value !== 0) || value === true) kept[name] = value
  }
  if (raw !== undefined) kept['raw'] = quotesWords(raw) ? countsOf(raw) : raw
  return kept
}

/** A word of a closed list, such as "TEXT" or "standard", is in one case and short. */
const ofAList = /^(?:[a-z_]{1,32}|[A-Z_]{1,32})$/

/** Whether any text in it is more than a word of a closed list. Most usages have none, and are kept without a copy. */
function quotesWords(value: JsonValue): boolean {
  if (typeof value === 'string') return !ofAList.test(value)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(quotesWords)
  for (const name in value) if (quotesWords(value[name] ?? null)) return true
  return false
}

/** What a provider counted, without what it says in words: those may be the call's own, which are kept only where an account wants them. */
function countsOf(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(countsOf)
  if (typeof value === 'string') return ofAList.test(value) ? value : ''
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, countsOf(member)]))
}

/** A text of somebody else's, cut. */
function cut(text: string): string {
  return text.length > longest ? text.slice(0, longest) : text
}

/** Milliseconds, to the microsecond. */
function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}
