import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { expect, test } from 'vitest'
import { KeyService } from '#gen/switchyard/v1/key_pb.ts'
import { type RequestRecord, UsageService } from '#gen/switchyard/v1/usage_pb.ts'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ask } from '../faults/client.ts'
import { done, frame, frames, framesToFinish, pieces, said, status, well, whole } from '../faults/upstream.ts'
import { ways } from '../faults/ways.ts'
import { askJson, bearer, keyEntry, sharedGateway } from './gateway.ts'

const admin = 'sk-admin-of-the-log'
const user = 'sk-user-of-the-log'
const gateway = await sharedGateway({
  config: {
    keys: [
      keyEntry('admin', admin, { permissions: ['admin'] }),
      keyEntry('user', user, { permissions: ['models:use'], accounts: ['acme'] }),
    ],
  },
  // Its model names are the vendor's own, with prices; its catalog is not called as its type is.
  providers: (url) => [{ name: 'priced', type: 'azure-openai', base_url: url, env_var: 'UP_API_KEY' }],
})
gateway.upstream.answer('well', well)
gateway.upstream.answer('gpt-4o', well)
gateway.upstream.answer('gpt-4o-mini', (response, asked) => {
  const usage = { prompt_tokens: 'many', completion_tokens: null, total_tokens: {} }
  const last = [...frames.slice(0, framesToFinish), frame({ choices: [], usage }), done]
  return asked.streaming ? pieces(last, 'end')(response, asked) : status(200, { ...whole, usage })(response, asked)
})
gateway.upstream.answer('bad', status(400, { error: { message: 'no such thing' } }))

const transport = createGrpcTransport({
  baseUrl: gateway.url,
  interceptors: [
    (next) => (request) => {
      for (const [name, value] of Object.entries(bearer(admin))) request.header.set(name, value)
      return next(request)
    },
  ],
})
const usage = createClient(UsageService, transport)
let sent = 0

/** Asks with an id of the client's own, and gives the row of that call. */
async function rowOf(path: string, body: object | string, key = user): Promise<RequestRecord> {
  const id = `mine-${++sent}`
  const { headers } = await ask(gateway.url + path, body, { ...bearer(key), 'x-request-id': id })
  expect(headers['x-request-id']).toBe(id)
  return usage.getRequest({ id })
}

for (const way of ways) {
  test.each([false, true])(
    `a call of ${way.name} (stream: %s) has a row, as soon as it has its answer`,
    async (streaming) => {
      const body = way.body('up/well', streaming)
      const row = await rowOf(way.path(streaming), body)
      expect(row).toMatchObject({
        accountId: 'acme',
        keyId: 'user',
        dialect: way.name,
        operation: 'chat',
        alias: 'up/well',
        provider: 'up',
        model: 'well',
        status: 'ok',
        reason: '',
        httpStatus: 200,
        streaming,
        finishReasons: ['stop'],
        clientRequestId: `mine-${sent}`,
        requestBytes: BigInt(JSON.stringify(body).length),
        attempts: [expect.objectContaining({ provider: 'up', model: 'well', status: 'ok' })],
      })
      expect(row.usage).toMatchObject({ inputTokens: 11, outputTokens: 7, estimated: false })
      expect(row.responseBytes).toBeGreaterThan(100n)
      // Our own id finds it too, and tells when it was.
      expect(row.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
      expect(await usage.getRequest({ id: row.id })).toEqual(row)
    },
  )
}

const [way] = ways
if (way === undefined) throw new Error('there is no dialect')

test('a call over RPC has a row, marked by our own id when the client sent none', async () => {
  const messages = [{ role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text: 'hello' } } }] }]
  let id = ''
  const onHeader = (headers: Headers): void => void (id = headers.get('x-request-id') ?? '')
  await gateway.rpc.chat({ model: 'up/well', messages }, { headers: bearer(user), onHeader })
  const row = await usage.getRequest({ id })
  expect(row).toMatchObject({ id, dialect: 'rpc', clientRequestId: '', status: 'ok' })
  expect(row.requestBytes).toBeGreaterThan(10n)
})

test('an id that a client sends twice finds the newer call', async () => {
  const headers = { ...bearer(user), 'x-request-id': 'twice' }
  await ask(gateway.url + way.path(false), way.body('up/well', false), headers)
  await ask(gateway.url + way.path(false), way.body('up/bad', false), headers)
  expect(await usage.getRequest({ id: 'twice' })).toMatchObject({ model: 'bad', status: 'error' })
})

test('a call is priced by what the catalog calls its vendor', async () => {
  const row = await rowOf(way.path(false), way.body('priced/gpt-4o', false))
  // 11 tokens at 2.50 and 7 at 10 dollars a million.
  expect(row.costNanoUsd).toBe(97_500n)
  expect(row.priceVersion).toMatch(/\d{4}-\d\d-\d\d$/)
})

test.each([false, true])(
  'a usage that nobody can read is estimated, for the client as in the row, and costs (stream: %s)',
  async (streaming) => {
    const messages = [
      { role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text: 'x'.repeat(40) } } }] },
    ]
    const id = `unread-${streaming}`
    const options = { headers: { ...bearer(user), 'x-request-id': id } }
    const request = { model: 'priced/gpt-4o-mini', messages }
    const events = streaming ? await Array.fromAsync(gateway.rpc.streamChat(request, options)) : []
    const told = streaming
      ? events.findLast(({ event }) => event.case === 'usage')?.event.value
      : (await gateway.rpc.chat(request, options)).usage
    const row = await usage.getRequest({ id })
    const counts = { inputTokens: 10, outputTokens: Math.ceil(said.length / 4), estimated: true }
    expect([told, row.usage]).toMatchObject([counts, counts])
    expect(row.costNanoUsd).toBeGreaterThan(0n)
  },
)

test('a call without a known price has no cost', async () => {
  const { costNanoUsd, priceVersion } = await rowOf(way.path(false), way.body('up/well', false))
  expect([costNanoUsd, priceVersion]).toEqual([undefined, ''])
})

test.each([
  [
    'that the provider refuses',
    'up/bad',
    { status: 'error', reason: 'invalid_request', provider: 'up', costNanoUsd: 0n },
  ],
  [
    'to an unknown model',
    'nobody-has-this',
    { status: 'error', reason: 'model_not_found', provider: '', alias: 'nobody-has-this' },
  ],
])('a call %s has a row', async (_what, model, row) => {
  expect(await rowOf(way.path(false), way.body(model, false))).toMatchObject({ ...row, accountId: 'acme' })
})

test('a body that cannot be read has a row, where its sender is known', async () => {
  expect(await rowOf(way.path(false), 'no JSON')).toMatchObject({
    status: 'error',
    reason: 'invalid_request',
    keyId: 'user',
    httpStatus: 400,
  })
  const id = 'nobody-knows-me'
  await ask(gateway.url + way.path(false), 'no JSON', { ...bearer('sk-wrong'), 'x-request-id': id })
  await expect(usage.getRequest({ id })).rejects.toThrow('not_found')
})

test('an estimate of tokens has a row', async () => {
  const body = { model: 'up/well', messages: [{ role: 'user', content: 'hello' }] }
  expect(await rowOf('/v1/messages/count_tokens', body)).toMatchObject({
    operation: 'count_tokens',
    status: 'ok',
    dialect: 'anthropic',
  })
})

test('prompt and answer are kept for an account that wants it, and for no other', async () => {
  const keys = createClient(KeyService, transport)
  const { id: accountId } = await keys.createAccount({ name: 'keeper', logContent: true })
  const { secret } = await keys.createKey({ accountId, name: 'k', permissions: ['models:use'] })
  const kept = await rowOf(way.path(true), way.body('up/well', true), secret)
  expect(kept.requestContent).toContain('count to four, please')
  expect(kept.responseContent).toContain('one two three four ')
  const other = await rowOf(way.path(true), way.body('up/well', true))
  expect([other.requestContent, other.responseContent]).toEqual(['', ''])
})

test('what the log, the metrics and the rows say of money is the same', async () => {
  await askJson(gateway.url + way.path(false), way.body('priced/gpt-4o', false), bearer(user))
  const lines = gateway.allSettled().filter((line) => line['provider'] === 'priced')
  const cost = lines.reduce((sum, line) => sum + Number(line['cost_nano_usd']), 0)
  const { total } = await usage.queryUsage({ filter: { provider: 'priced' } })
  expect(total?.costNanoUsd).toBe(BigInt(cost))
  const counted = /^switchyard_cost_usd_total\{provider="priced",model="[^"]*"\} (\S+)$/m.exec(await gateway.metrics())
  expect(Number(counted?.[1])).toBeCloseTo(cost / 1e9, 12)
})
