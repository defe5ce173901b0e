import type { ColumnType } from 'kysely'
import type { Dimension, Summed } from './sum-columns.ts'
import type { SecondsColumn, UsageColumn } from './usage-fields.ts'

/*
 * The tables, as both engines have them. Whole numbers come back as `bigint`, whichever engine reads them. Yes and no are 1 and 0, JSON
 * is text, times are milliseconds since the epoch.
 */

/** A whole number. */
export type Whole = ColumnType<bigint, bigint | number, bigint | number>
/** A whole number, or nothing. */
export type WholeOrNull = ColumnType<bigint | null, bigint | number | null, bigint | number | null>

/** A registered provider. */
export interface ProviderTable {
  id: string
  name: string
  type: string
  default_model: string
  base_url: string
  settings: string
  secret: string
  created: Whole
  updated: Whole
}

/** A model that a provider said it has. */
export interface ModelTable {
  provider: string
  model: string
  first_seen: Whole
  last_seen: Whole
  facts: string
}

/** A name for clients, with its targets. */
export interface AliasTable {
  name: string
  targets: string
  updated: Whole
}

/** A tenant. */
export interface AccountTable {
  id: string
  name: string
  created: Whole
  log_content: Whole
}

/** A key of the gateway's own. */
export interface ApiKeyTable {
  id: string
  account_id: string
  name: string
  sha256: string
  permissions: string
  models: string
  created: Whole
  expires: WholeOrNull
  revoked: WholeOrNull
  requests_per_minute: Whole
  tokens_per_minute: Whole
  concurrent_requests: Whole
}

/** What an account was charged. */
export interface AccountChargeTable {
  account_id: string
  nano_usd: Whole
  requests: Whole
}

/** The request log. */
export type RequestTable = {
  /** Counts up in the order in which rows were taken in. */
  seq: ColumnType<bigint, never, never>
  id: string
  account_id: string
  key_id: string
  dialect: string
  operation: string
  alias: string
  provider: string
  model: string
  vendor: string
  streaming: Whole
  attempts: string
  status: string
  reason: string
  http_status: Whole
  finish_reasons: string
  estimated: Whole
  usage_raw: string | null
  cost_nano_usd: WholeOrNull
  price_version: string
  started: Whole
  time_to_first_event: number | null
  duration: number
  /** In which bucket of a histogram it counts. */
  duration_bucket: Whole
  first_event_bucket: WholeOrNull
  client_request_id: string
  upstream_request_id: string
  request_bytes: Whole
  response_bytes: Whole
} & { [Column in Exclude<UsageColumn, SecondsColumn>]: Whole } & { [Column in SecondsColumn]: number }

/** Prompt and answer of a call. */
export interface RequestContentTable {
  id: string
  account_id: string
  request: string
  response: string
  expires: Whole
}

/** One row: from when on the request log has its rows. */
export interface RequestKeptTable {
  since: Whole
}

/** What calls can be asked for by, together: sums are kept for each that occurs. */
export type UsageCombinationTable = { id: Whole } & { [Column in Dimension]: string }

/** Sums of the calls of one combination that started in one hour or day. */
export type UsageSumTable = {
  start: Whole
  combination: Whole
} & { [Column in Exclude<Summed, SecondsColumn>]: Whole } & { [Column in SecondsColumn]: number }

/** A block of buckets of a histogram, of calls of one combination that started in one hour or day. */
export type HistogramTable = {
  start: Whole
  metric: Whole
  block: Whole
  combination: Whole
} & Readonly<Record<`c${number}`, ColumnType<bigint | number, number, number>>>

/** A batch, with the sums of what its lines consumed. */
export type BatchTable = {
  id: string
  account_id: string
  key_id: string
  dialect: string
  input: string
  endpoint: string
  completion_window: string
  metadata: string
  output_prefix: string
  status: string
  /** What it will be when it is finished; empty until it is known. */
  heading: string
  total: Whole
  completed: Whole
  failed: Whole
  estimated_requests: Whole
  output_file_id: string
  error_file_id: string
  created: Whole
  expires: Whole
  began: WholeOrNull
  finalizing: WholeOrNull
  cancelling: WholeOrNull
  finished: WholeOrNull
  problem_code: string
  problem_message: string
  /** Who has it on lease, until when, and by which claim. */
  owner: string
  lease_until: Whole
  fence: Whole
  /** When lines of it were last taken. */
  turn: Whole
} & { [Column in Exclude<UsageColumn, SecondsColumn>]: Whole } & { [Column in SecondsColumn]: number }

/** A line of a batch. */
export interface BatchLineTable {
  batch_id: string
  line: Whole
  custom_id: string
  method: string
  url: string
  body: string
  state: string
  owner: string
  lease_until: Whole
  fence: Whole
  /** Not to be taken before. */
  due: Whole
  tries: Whole
  http_status: WholeOrNull
  request_id: string
  answer: string | null
  dropped: string
  problem_code: string
  problem_message: string
  usage: string
}

/** A file: what is known of it, and where its bytes are. */
export interface StoredFileTable {
  id: string
  account_id: string
  /** Begun: its bytes are not there yet. Removed: they may not be gone yet. */
  state: 'begun' | 'kept' | 'removed'
  name: string
  purpose: string
  media_type: string
  bytes: Whole
  created: Whole
  expires: WholeOrNull
  blob: string
  sha256: string
}

/** A request that is answered once, and its answer. */
export interface OnceRequestTable {
  account_id: string
  key_id: string
  /** As the client calls it. */
  name: string
  /** What is asked. */
  fingerprint: string
  /** What the current attempt is known by. */
  fence: string
  begun: Whole
  /** From then on it is as if it had never been. */
  expires: Whole
  /** Nothing while it is under way. */
  status: WholeOrNull
  headers: string
  /** Nothing where the answer was too large, too. */
  body: Uint8Array | null
}

/** A video: a job of a provider that is followed. */
export interface VideoTable {
  id: string
  account_id: string
  key_id: string
  dialect: string
  alias: string
  size: string
  seconds: number
  paid_by: string
  created: Whole
  deadline: Whole
  due: Whole
  provider: string
  vendor: string
  model: string
  upstream_id: string
  status: string
  progress: Whole
  finished: WholeOrNull
  file_id: string
  problem_reason: string
  problem_message: string
  owner: string
  lease_until: Whole
  fence: Whole
}

/** One row: how often registry, accounts and keys changed. */
export interface RevisionTable {
  number: Whole
}

/** Which migrations were applied. */
export interface MigrationTable {
  name: string
  applied: Whole
}

/** Every table. */
export interface Tables {
  provider: ProviderTable
  model: ModelTable
  alias: AliasTable
  account: AccountTable
  api_key: ApiKeyTable
  account_charge: AccountChargeTable
  request: RequestTable
  request_content: RequestContentTable
  request_kept: RequestKeptTable
  usage_combination: UsageCombinationTable
  usage_hour: UsageSumTable
  usage_day: UsageSumTable
  histogram_hour: HistogramTable
  histogram_day: HistogramTable
  batch: BatchTable
  batch_line: BatchLineTable
  stored_file: StoredFileTable
  once_request: OnceRequestTable
  video: VideoTable
  revision: RevisionTable
  migration: MigrationTable
}
