import { expect, test } from 'vitest'
import type { CallIntent, CallRecord } from '../core/contract.ts'
import { usage } from '../model/usage.ts'
import { decodeContent, decodeIntent, decodeRow, encodeContent, encodeIntent, encodeRow } from './row.ts'

const record: CallRecord = {
  id: '0199d3a2-7a6e-7000-8000-000000000001',
  clientRequestId: 'mine-1',
  keyId: 'k1',
  account: 'acme',
  dialect: 'openai',
  operation: 'chat',
  streaming: true,
  alias: 'fast',
  provider: 'up',
  model: 'm-1',
  vendor: 'maker',
  modelLabel: 'm-1',
  attempts: [
    { provider: 'down', model: 'm-0', status: 'error', reason: 'provider_error', began: 1.23456, duration: 2 },
    { provider: 'up', model: 'm-1', status: 'ok', began: 4, duration: 5 },
  ],
  status: 'ok',
  httpStatus: 200,
  usage: usage({ inputTokens: 7, outputTokens: 5, audioSeconds: 1.5, estimated: true, raw: { prompt_tokens: 7 } }),
  cost: { nanoUsd: 12_345_678_901_234_567_890n, version: 'prices 1' },
  finishReasons: ['stop', 'length'],
  startedAt: 1_790_000_000_000.4,
  timeToFirstEvent: 12.3456,
  duration: 34.5678,
  upstreamRequestId: 'up-1',
  requestBytes: 1000,
  responseBytes: 2000,
}

test('a row is read as it was written', () => {
  expect(decodeRow(encodeRow(record))).toEqual({
    id: record.id,
    accountId: 'acme',
    keyId: 'k1',
    dialect: 'openai',
    operation: 'chat',
    alias: 'fast',
    provider: 'up',
    model: 'm-1',
    vendor: 'maker',
    streaming: true,
    attempts: [
      { provider: 'down', model: 'm-0', status: 'error', reason: 'provider_error', began: 1.235, duration: 2 },
      { provider: 'up', model: 'm-1', status: 'ok', reason: '', began: 4, duration: 5 },
    ],
    status: 'ok',
    reason: '',
    httpStatus: 200,
    finishReasons: ['stop', 'length'],
    usage: record.usage,
    costNanoUsd: 12_345_678_901_234_567_890n,
    priceVersion: 'prices 1',
    started: 1_790_000_000_000,
    timeToFirstEvent: 12.346,
    duration: 34.568,
    clientRequestId: 'mine-1',
    upstreamRequestId: 'up-1',
    requestBytes: 1000,
    responseBytes: 2000,
  })
})

test('a cost that is not known stays unknown, and a call without an account is of the default one', () => {
  const { cost: _, timeToFirstEvent: __, ...rest } = record
  const row = decodeRow(encodeRow({ ...rest, account: '', usage: usage({}) }))
  expect(row).toMatchObject({ accountId: 'default', costNanoUsd: undefined, priceVersion: '', usage: usage({}) })
  expect(row.timeToFirstEvent).toBeUndefined()
})

test('texts of others are cut', () => {
  expect(decodeRow(encodeRow({ ...record, alias: 'x'.repeat(1000) })).alias).toBe('x'.repeat(256))
})

test('what a provider says of usage at great length is not kept', () => {
  const raw = { counts: Array<number>(20_000).fill(7) }
  expect(decodeRow(encodeRow({ ...record, usage: usage({ raw }) })).usage).toEqual(usage({}))
})

test('of what a provider says of usage, numbers and words of closed lists are kept, and nothing it may quote', () => {
  const raw = { tier: 'standard', details: [{ modality: 'TEXT', count: 3, note: 'You asked: who am I?' }], on: true }
  const kept = { tier: 'standard', details: [{ modality: 'TEXT', count: 3, note: '' }], on: true }
  expect(decodeRow(encodeRow({ ...record, usage: usage({ raw }) })).usage.raw).toEqual(kept)
})

test('an intent is read as it was written', () => {
  const intent: CallIntent = {
    id: record.id,
    clientRequestId: '',
    keyId: 'k1',
    account: 'acme',
    dialect: 'rpc',
    operation: 'chat',
    streaming: false,
    alias: 'fast',
    provider: 'up',
    model: 'm-1',
    vendor: 'maker',
    startedAt: 1_790_000_000_000,
    requestBytes: 3,
    inputEstimate: 17,
  }
  expect(decodeIntent(encodeIntent(intent))).toEqual(intent)
})

test('content is read as it was written', () => {
  const content = { request: '{"a":1}', response: '{"b":2}' }
  expect(decodeContent(encodeContent(record, content, 99))).toEqual({
    id: record.id,
    accountId: 'acme',
    ...content,
    expires: 99,
  })
})

test.each(['', '{}', 'null', 'garbage', '{"id":""}', '[2]'])(
  'nothing else is taken for a row or an intent (%s)',
  (text) => {
    expect(() => decodeRow(text)).toThrow()
    expect(() => decodeIntent(text)).toThrow()
  },
)
