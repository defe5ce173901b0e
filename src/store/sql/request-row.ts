import type { Selectable } from 'kysely'
import { z } from 'zod'
import { bucketOf } from '../../model/histogram.ts'
import { usage } from '../../model/usage.ts'
import type { ContentRow, RequestRow } from '../contract.ts'
import { jsonText, lastTime, nameText, readRow, wholeNumber, yesOrNo } from './read.ts'
import type { SkippedRow } from './engine.ts'
import type { RequestContentTable, RequestTable } from './tables.ts'
import { amount, counted, readUsageFields } from './usage-fields.ts'

/** Longest name, id or reason that is kept, in UTF-16 units: an index of PostgreSQL holds no value over 2700 bytes. */
const longestText = 512

type Stored = Omit<Selectable<RequestTable>, 'seq'>

/** What a row is inserted as: JSON that both engines turn into columns. A cost is text there, because JSON numbers are not exact. */
export type RequestRecord = {
  readonly [Column in keyof Stored]: Column extends 'cost_nano_usd' ? string | null : Unexact<Stored[Column]>
}

/** A number where the database has a whole one. */
type Unexact<Value> = bigint extends Value ? Exclude<Value, bigint> | number : Value

/**
 * A row as columns. Whatever a client or a provider put into it, no database refuses it: long texts are cut, NUL and lone surrogates
 * are replaced, numbers are finite. Written out, every column: objects of this size whose keys are computed or copied take ten times as
 * long to make.
 */
export function writeRequest(row: RequestRow): RequestRecord {
  const { usage: used } = row
  return {
    id: text(row.id),
    account_id: text(row.accountId),
    key_id: text(row.keyId),
    dialect: text(row.dialect),
    operation: text(row.operation),
    alias: text(row.alias),
    provider: text(row.provider),
    model: text(row.model),
    vendor: text(row.vendor),
    streaming: Number(row.streaming),
    attempts: JSON.stringify(row.attempts),
    status: row.status,
    reason: text(row.reason),
    http_status: whole(row.httpStatus),
    finish_reasons: JSON.stringify(row.finishReasons),
    estimated: Number(used.estimated),
    usage_raw: used.raw === undefined ? null : JSON.stringify(used.raw),
    input_tokens: count(used.inputTokens),
    output_tokens: count(used.outputTokens),
    cache_read_tokens: count(used.cacheReadTokens),
    cache_write_5m_tokens: count(used.cacheWrite5mTokens),
    cache_write_1h_tokens: count(used.cacheWrite1hTokens),
    reasoning_tokens: count(used.reasoningTokens),
    audio_input_tokens: count(used.audioInputTokens),
    audio_output_tokens: count(used.audioOutputTokens),
    image_input_tokens: count(used.imageInputTokens),
    image_output_tokens: count(used.imageOutputTokens),
    accepted_prediction_tokens: count(used.acceptedPredictionTokens),
    rejected_prediction_tokens: count(used.rejectedPredictionTokens),
    images: count(used.images),
    audio_seconds: counted(used.audioSeconds),
    video_seconds: counted(used.videoSeconds),
    characters: count(used.characters),
    web_searches: count(used.webSearches),
    cache_read_audio_tokens: count(used.cacheReadAudioTokens),
    cache_read_image_tokens: count(used.cacheReadImageTokens),
    video_input_tokens: count(used.videoInputTokens),
    video_output_tokens: count(used.videoOutputTokens),
    citation_tokens: count(used.citationTokens),
    cost_nano_usd: row.costNanoUsd === undefined ? null : String(row.costNanoUsd),
    price_version: text(row.priceVersion),
    started: startOf(row),
    time_to_first_event: row.timeToFirstEvent === undefined ? null : amount(row.timeToFirstEvent),
    duration: amount(row.duration),
    duration_bucket: bucketOf(row.duration),
    first_event_bucket: row.timeToFirstEvent === undefined ? null : bucketOf(row.timeToFirstEvent),
    client_request_id: text(row.clientRequestId),
    upstream_request_id: text(row.upstreamRequestId),
    request_bytes: whole(row.requestBytes),
    response_bytes: whole(row.responseBytes),
  }
}

/** When a call started, as it is kept. */
export function startOf({ started }: Pick<RequestRow, 'started'>): number {
  return Math.min(whole(started), lastTime)
}

function text(value: string): string {
  return value.slice(0, longestText).toWellFormed().replaceAll('\0', '\uFFFD')
}

function count(value: number): number {
  return Math.trunc(counted(value))
}

function whole(value: number): number {
  return Math.min(Math.trunc(amount(value)), Number.MAX_SAFE_INTEGER)
}

const attempt = z.object({
  provider: z.string(),
  model: z.string(),
  status: z.string(),
  reason: z.string(),
  began: z.number(),
  duration: z.number(),
})

const shape = z.object({
  id: nameText,
  streaming: yesOrNo,
  attempts: jsonText(z.array(attempt)),
  status: z.enum(['ok', 'error', 'cancelled']),
  http_status: wholeNumber,
  finish_reasons: jsonText(z.array(z.string())),
  usage_raw: jsonText(z.record(z.string(), z.json())).nullable(),
  started: wholeNumber,
  request_bytes: wholeNumber,
  response_bytes: wholeNumber,
})

/** A row of the request log, or undefined when it cannot be read, which is told to `skipped`. */
export function readRequest(row: Stored, skipped: SkippedRow): RequestRow | undefined {
  const read = readRow('request', row.id, shape, row, skipped)
  if (read === undefined) return undefined
  return {
    id: read.id,
    accountId: row.account_id,
    keyId: row.key_id,
    dialect: row.dialect,
    operation: row.operation,
    alias: row.alias,
    provider: row.provider,
    model: row.model,
    vendor: row.vendor,
    streaming: read.streaming,
    attempts: read.attempts,
    status: read.status,
    reason: row.reason,
    httpStatus: read.http_status,
    finishReasons: read.finish_reasons,
    usage: usage({
      ...readUsageFields(row),
      estimated: row.estimated !== 0n,
      ...(read.usage_raw !== null && { raw: read.usage_raw }),
    }),
    costNanoUsd: row.cost_nano_usd ?? undefined,
    priceVersion: row.price_version,
    started: read.started,
    timeToFirstEvent: row.time_to_first_event ?? undefined,
    duration: row.duration,
    clientRequestId: row.client_request_id,
    upstreamRequestId: row.upstream_request_id,
    requestBytes: read.request_bytes,
    responseBytes: read.response_bytes,
  }
}

/** Content as columns. */
export function writeContent(row: ContentRow): { readonly [Column in keyof RequestContentTable]: string | number } {
  return {
    id: text(row.id),
    account_id: text(row.accountId),
    request: row.request.toWellFormed().replaceAll('\0', '\uFFFD'),
    response: row.response.toWellFormed().replaceAll('\0', '\uFFFD'),
    expires: whole(row.expires),
  }
}
