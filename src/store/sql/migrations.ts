import { defaultAccountId } from '../contract.ts'
import type { SqlEngine } from './engine.ts'
import { blockColumns } from './histogram-blocks.ts'
import { dimensions, spans, summed } from './sum-columns.ts'
import { isSeconds, usageFields } from './usage-fields.ts'

/** A step of the schema. Applied once, in order, and never changed after a release. */
export interface Migration {
  readonly name: string
  readonly statements: (engine: SqlEngine['name']) => readonly string[]
}

/** Words of the two engines for the same types. Text is compared byte by byte on both. */
const words = {
  sqlite: { whole: 'integer', real: 'real', text: 'text', bytes: 'blob', table: ' strict' },
  postgres: { whole: 'bigint', real: 'double precision', text: 'text collate "C"', bytes: 'bytea', table: '' },
} as const

function registry(engine: SqlEngine['name']): readonly string[] {
  const { whole, text, table } = words[engine]
  return [
    `create table revision (number ${whole} not null)${table}`,
    `insert into revision (number) values (0)`,
    `create table provider (
      id ${text} primary key, name ${text} not null unique, type ${text} not null, default_model ${text} not null,
      base_url ${text} not null, settings ${text} not null, secret ${text} not null,
      created ${whole} not null, updated ${whole} not null)${table}`,
    `create table model (
      provider ${text} not null, model ${text} not null, first_seen ${whole} not null, last_seen ${whole} not null,
      facts ${text} not null, primary key (provider, model))${table}`,
    `create table alias (name ${text} primary key, targets ${text} not null, updated ${whole} not null)${table}`,
    `create table account (
      id ${text} primary key, name ${text} not null unique, created ${whole} not null, log_content ${whole} not null)${table}`,
    `insert into account (id, name, created, log_content)
     values ('${defaultAccountId}', '${defaultAccountId}', 0, 0)`,
    `create table api_key (
      id ${text} primary key, account_id ${text} not null references account (id), name ${text} not null,
      sha256 ${text} not null unique, permissions ${text} not null, models ${text} not null,
      created ${whole} not null, expires ${whole}, revoked ${whole},
      requests_per_minute ${whole} not null, tokens_per_minute ${whole} not null, concurrent_requests ${whole} not null)${table}`,
  ]
}

function requestColumns(engine: SqlEngine['name']): string {
  const { whole, real, text } = words[engine]
  const counted = usageFields.map(([, column]) => `${column} ${isSeconds(column) ? real : whole} not null`)
  return `
    account_id ${text} not null, key_id ${text} not null, dialect ${text} not null, operation ${text} not null,
    alias ${text} not null, provider ${text} not null, model ${text} not null, vendor ${text} not null,
    streaming ${whole} not null, attempts ${text} not null, status ${text} not null, reason ${text} not null,
    http_status ${whole} not null, finish_reasons ${text} not null, estimated ${whole} not null, usage_raw ${text},
    ${counted.join(', ')}, cost_nano_usd ${whole}, price_version ${text} not null, started ${whole} not null,
    time_to_first_event ${real}, duration ${real} not null, duration_bucket ${whole} not null, first_event_bucket ${whole},
    client_request_id ${text} not null,
    upstream_request_id ${text} not null, request_bytes ${whole} not null, response_bytes ${whole} not null`
}

function ledger(engine: SqlEngine['name']): readonly string[] {
  const { whole, text, table } = words[engine]
  const request =
    engine === 'sqlite'
      ? [
          `create table request (seq integer primary key autoincrement, id text not null unique, ${requestColumns(engine)}) strict`,
          `create index request_started on request (started, id)`,
        ]
      : [
          // Its partitions, a day each, are made as they are needed. An identity column would not be inherited by all versions alike.
          `create sequence request_seq`,
          `create table request (
            seq bigint not null default nextval('request_seq'), id ${text} not null, ${requestColumns(engine)},
            primary key (started, id)) partition by range (started)`,
          `create index request_id on request (id)`,
          `create index request_seq_order on request (seq)`,
        ]
  return [
    ...request,
    `create index request_account on request (account_id, started, id)`,
    `create index request_client_id on request (client_request_id) where client_request_id <> ''`,
    `create table request_content (
      id ${text} primary key, account_id ${text} not null, request ${text} not null, response ${text} not null,
      expires ${whole} not null)${table}`,
    `create index request_content_expires on request_content (expires)`,
    `create table account_charge (
      account_id ${text} primary key, nano_usd ${whole} not null, requests ${whole} not null)${table}`,
  ]
}

function sums(engine: SqlEngine['name']): readonly string[] {
  const { whole, real, text } = words[engine]
  const names = dimensions.map((dimension) => `${dimension} ${text} not null`)
  const values = summed.map((column) => `${column} ${isSeconds(column) ? real : whole} not null`)
  const counts = blockColumns.map((column) => `${column} integer not null`)
  // A row that is added to all the time finds room beside itself, so that no index has to be written.
  const table = engine === 'sqlite' ? ' strict, without rowid' : ' with (fillfactor = 60)'
  return [
    `create table request_kept (since ${whole} not null)`,
    `insert into request_kept (since) values (0)`,
    `create table usage_combination (id ${whole} primary key, ${names.join(', ')})${words[engine].table}`,
    ...Object.values(spans).flatMap((span) => [
      `create table ${span.sums} (
        start ${whole} not null, combination ${whole} not null, ${values.join(', ')}, primary key (start, combination))${table}`,
      `create index ${span.sums}_combination on ${span.sums} (combination, start)`,
      `create table ${span.histograms} (
        start ${whole} not null, metric ${whole} not null, block ${whole} not null, combination ${whole} not null,
        ${counts.join(', ')}, primary key (start, metric, block, combination))${table}`,
      `create index ${span.histograms}_combination on ${span.histograms} (combination, start)`,
    ]),
  ]
}

function batches(engine: SqlEngine['name']): readonly string[] {
  const { whole, real, text, table } = words[engine]
  const counted = usageFields.map(([, column]) => `${column} ${isSeconds(column) ? real : whole} not null default 0`)
  return [
    `create table batch (
      id ${text} primary key, account_id ${text} not null, key_id ${text} not null, dialect ${text} not null,
      input ${text} not null, endpoint ${text} not null, completion_window ${text} not null, metadata ${text} not null,
      output_prefix ${text} not null, status ${text} not null, heading ${text} not null default '',
      total ${whole} not null default 0, completed ${whole} not null default 0, failed ${whole} not null default 0,
      ${counted.join(', ')}, estimated_requests ${whole} not null default 0,
      output_file_id ${text} not null default '', error_file_id ${text} not null default '',
      created ${whole} not null, expires ${whole} not null,
      began ${whole}, finalizing ${whole}, cancelling ${whole}, finished ${whole},
      problem_code ${text} not null default '', problem_message ${text} not null default '',
      owner ${text} not null default '', lease_until ${whole} not null default 0, fence ${whole} not null default 0,
      turn ${whole} not null default 0)${table}`,
    `create index batch_created on batch (created, id)`,
    `create index batch_account on batch (account_id, created, id)`,
    `create index batch_open on batch (status) where finished is null`,
    `create table batch_line (
      batch_id ${text} not null references batch (id), line ${whole} not null, custom_id ${text} not null,
      method ${text} not null, url ${text} not null, body ${text} not null, state ${text} not null,
      owner ${text} not null default '', lease_until ${whole} not null default 0, fence ${whole} not null default 0,
      due ${whole} not null default 0, tries ${whole} not null default 0,
      http_status ${whole}, request_id ${text} not null default '', answer ${text},
      problem_code ${text} not null default '', problem_message ${text} not null default '',
      usage ${text} not null default '{}', primary key (batch_id, line))${table}`,
    `create index batch_line_pending on batch_line (batch_id, line) where state = 'pending'`,
    `create index batch_line_running on batch_line (batch_id, lease_until) where state = 'running'`,
  ]
}

function files(engine: SqlEngine['name']): readonly string[] {
  const { whole, text, table } = words[engine]
  return [
    `create table stored_file (
      id ${text} primary key, account_id ${text} not null, state ${text} not null, name ${text} not null,
      purpose ${text} not null, media_type ${text} not null, bytes ${whole} not null, created ${whole} not null,
      expires ${whole}, blob ${text} not null, sha256 ${text} not null)${table}`,
    `create index stored_file_account on stored_file (account_id, created, id)`,
    `create index stored_file_expires on stored_file (expires) where expires is not null`,
    `create index stored_file_unseen on stored_file (created) where state <> 'kept'`,
  ]
}

function once(engine: SqlEngine['name']): readonly string[] {
  const { whole, text, bytes, table } = words[engine]
  return [
    `create table once_request (
      account_id ${text} not null, key_id ${text} not null, name ${text} not null, fingerprint ${text} not null,
      fence ${text} not null, begun ${whole} not null, expires ${whole} not null,
      status ${whole}, headers ${text} not null, body ${bytes}, primary key (account_id, key_id, name))${table}`,
    `create index once_request_expires on once_request (expires)`,
  ]
}

function videos(engine: SqlEngine['name']): readonly string[] {
  const { whole, real, text, table } = words[engine]
  return [
    `create table video (
      id ${text} primary key, account_id ${text} not null, key_id ${text} not null, dialect ${text} not null,
      alias ${text} not null, size ${text} not null, seconds ${real} not null, paid_by ${text} not null,
      created ${whole} not null, deadline ${whole} not null, due ${whole} not null,
      provider ${text} not null default '', vendor ${text} not null default '', model ${text} not null default '',
      upstream_id ${text} not null default '', status ${text} not null, progress ${whole} not null default 0,
      finished ${whole}, file_id ${text} not null default '',
      problem_reason ${text} not null default '', problem_message ${text} not null default '',
      owner ${text} not null default '', lease_until ${whole} not null default 0, fence ${whole} not null default 0)${table}`,
    `create index video_account on video (account_id, created, id)`,
    `create index video_open on video (due) where finished is null`,
  ]
}

function batchLineDropped(engine: SqlEngine['name']): readonly string[] {
  return [`alter table batch_line add column dropped ${words[engine].text} not null default '[]'`]
}

/** All of them, oldest first. */
export const migrations: readonly Migration[] = [
  { name: '001-registry', statements: registry },
  { name: '002-ledger', statements: ledger },
  { name: '003-sums', statements: sums },
  { name: '004-batches', statements: batches },
  { name: '005-files', statements: files },
  { name: '006-once', statements: once },
  { name: '007-videos', statements: videos },
  { name: '008-batch-line-dropped', statements: batchLineDropped },
]
