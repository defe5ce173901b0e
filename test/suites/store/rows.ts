import { randomBytes } from 'node:crypto'
import { usage } from '../../../src/model/usage.ts'
import type { KeyRow, ProviderRow, RequestRow } from '../../../src/store/contract.ts'

/** A UUIDv7 of that time. */
export function idAt(time: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(time, 0, 6)
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** A settled call with something in every field, and what is given instead. */
export function requestRow(fields: Partial<RequestRow> = {}): RequestRow {
  const started = fields.started ?? Date.now()
  return {
    id: idAt(started),
    accountId: 'default',
    keyId: 'key-1',
    dialect: 'openai',
    operation: 'chat',
    alias: 'fast',
    provider: 'north',
    model: 'north-large',
    vendor: 'north-vendor',
    streaming: true,
    attempts: [
      {
        provider: 'south',
        model: 'south-small',
        status: 'error',
        reason: 'provider_unavailable',
        began: 0.5,
        duration: 12.25,
      },
      { provider: 'north', model: 'north-large', status: 'ok', reason: '', began: 13, duration: 820.75 },
    ],
    status: 'ok',
    reason: '',
    httpStatus: 200,
    finishReasons: ['stop'],
    usage: usage({
      inputTokens: 1200,
      outputTokens: 340,
      cacheReadTokens: 1000,
      audioSeconds: 1.5,
      estimated: true,
      raw: { prompt_tokens: 1200, details: { cached: 1000, note: 'as it came' } },
    }),
    costNanoUsd: 5_123_456_789n,
    priceVersion: '2026-11-01',
    started,
    timeToFirstEvent: 210.5,
    duration: 833.75,
    clientRequestId: '',
    upstreamRequestId: 'up-1',
    requestBytes: 4096,
    responseBytes: 20_480,
    ...fields,
  }
}

/** A registered provider. */
export function providerRow(fields: Partial<ProviderRow> = {}): ProviderRow {
  return {
    id: 'a1b2c3d4',
    name: 'north',
    type: 'simulator',
    defaultModel: 'north-large',
    baseUrl: 'https://north.example.com/v1',
    settings: '{"seed":1}',
    secret: { kind: 'stored', secret: { keyId: 'k1', nonce: 'bm9uY2U', sealed: 'c2VhbGVk' } },
    created: 1000,
    updated: 2000,
    ...fields,
  }
}

/** A key. */
export function keyRow(fields: Partial<KeyRow> = {}): KeyRow {
  return {
    id: 'k1',
    accountId: 'default',
    name: 'first',
    sha256: 'ab'.repeat(32),
    permissions: ['models:use'],
    models: ['fast', 'north/*'],
    created: 1000,
    expires: undefined,
    revoked: undefined,
    limits: { requestsPerMinute: 60, tokensPerMinute: 0, concurrentRequests: 4 },
    ...fields,
  }
}
