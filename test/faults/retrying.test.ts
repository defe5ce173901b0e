import { randomUUID } from 'node:crypto'
import { Code, ConnectError } from '@connectrpc/connect'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ask } from './client.ts'
import { type FaultyGateway, openGateway } from './gateway.ts'
import { pieces, said, status, well, words } from './upstream.ts'
import { delta } from './upstream.ts'
import { ways } from './ways.ts'

let gateway: FaultyGateway
beforeAll(async () => {
  const providers = (url: string) =>
    ['down', 'downRpc', 'flaky', 'mistaken', 'cut'].map((name) => ({
      name,
      type: 'openai',
      base_url: url,
      env_var: 'UP_API_KEY',
    }))
  gateway = await openGateway({
    config: {
      retries: { per_target: 2, budget: 0.2, max_retry_after: '10s' },
      aliases: { 'any/limited': ['up/limited', 'up/well'], 'any/mistaken': ['mistaken/wrong', 'up/well'] },
    },
    providers,
  })
  const { upstream } = gateway
  upstream.answer('well', well)
  upstream.answer('limited', status(429, { error: { message: 'slow down' } }, { 'retry-after': '3600' }))
  upstream.answer('unavailable', status(503, { error: { message: 'busy' } }))
})
afterAll(async () => gateway[Symbol.asyncDispose]())

const askRpc = (model: string) =>
  gateway.rpc
    .chat({ model, messages: [{ role: Role.USER, parts: [{ kind: { case: 'text', value: { text: 'x' } } }] }] })
    .then(
      () => undefined,
      (thrown: unknown) => ConnectError.from(thrown),
    )

describe('an upstream that wants an hour of rest', () => {
  test.each(ways)('is not asked again, and the caller is told to wait ($name)', async (way) => {
    for (const streaming of [false, true]) {
      const before = gateway.upstream.received('limited').length
      const answer = await ask(gateway.url + way.path(streaming), way.body('up/limited', streaming))
      expect([answer.status, answer.headers['retry-after']]).toEqual([429, '3600'])
      expect(way.code(answer.text)).toBe(way.codeOf('rate_limited'))
      expect(gateway.upstream.received('limited')).toHaveLength(before + 1)
    }
  })

  test.each(ways)('is passed over for the next target ($name)', async (way) => {
    const requestId = randomUUID()
    const url = gateway.url + way.path(false)
    const answer = await ask(url, way.body('any/limited', false), { 'x-request-id': requestId })
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining(said)])
    expect(await gateway.settled(requestId)).toEqual([
      expect.objectContaining({ status: 'ok', tries: ['up: rate_limited', 'up: ok'] }),
    ])
  })

  test('is RESOURCE_EXHAUSTED in gRPC, with the time to wait', async () => {
    const error = await askRpc('up/limited')
    const metadata = error?.findDetails(ErrorInfoSchema)[0]?.metadata
    expect([error?.code, metadata?.['retry_after_seconds']]).toEqual([Code.ResourceExhausted, '3600'])
    expect(error?.metadata.get('retry-after')).toBe('3600')
  })

  test.each([
    [{ 'retry-after': 'an hour from now, as a date' }, {}],
    [{ 'retry-after-ms': '3600000' }, {}],
    [{ 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1h0m0s' }, {}],
    [{}, { details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '3599.2s' }] }],
  ])('may say so in other ways: %j %j', async (headers, more) => {
    const date = new Date(Date.now() + 3_600_000).toUTCString()
    const sent = 'retry-after' in headers ? { 'retry-after': date } : headers
    gateway.upstream.answer('otherwise', status(429, { error: { message: 'slow', ...more } }, sent))
    const answer = await ask(`${gateway.url}/v1/chat/completions`, ways[0]?.body('up/otherwise', false) ?? {})
    expect([answer.status, answer.headers['retry-after']]).toEqual([429, expect.stringMatching(/^(3600|359\d)$/)])
  })
})

describe('an upstream that is down', () => {
  test('is asked at most 1.2 times as often as clients ask', async () => {
    const count = 60
    const answers = await Promise.all(
      Array.from({ length: count }, (_, at) => {
        const way = ways[at % ways.length] ?? ways[0]
        if (way === undefined) throw new Error('no way')
        const streaming = at % 3 === 0
        return ask(gateway.url + way.path(streaming), way.body('down/unavailable', streaming))
      }),
    )
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 503))
    const attempts = gateway.upstream.received('unavailable').length
    expect(attempts).toBeGreaterThan(count)
    expect(attempts).toBeLessThanOrEqual(count * 1.2)
  })

  test('is asked no more often one after another, or over gRPC', async () => {
    const count = 50
    const before = gateway.upstream.received('unavailable').length
    for (let at = 0; at < count; at++) expect((await askRpc('downRpc/unavailable'))?.code).toBe(Code.Unavailable)
    expect(gateway.upstream.received('unavailable').length - before).toBeLessThanOrEqual(count * 1.2)
  })

  test('for a moment only is not noticed', async () => {
    let asked = 0
    gateway.upstream.answer('flaky', (response, request) =>
      (asked++ === 0 ? status(503, {}, { 'retry-after': '0' }) : well)(response, request),
    )
    const answer = await ask(`${gateway.url}/v1/chat/completions`, ways[0]?.body('flaky/flaky', true) ?? {})
    expect([answer.status, asked]).toEqual([200, 2])
  })
})

describe('what is not tried again', () => {
  test.each([400, 401, 403, 404, 409, 413, 422])('an answer of %i', async (code) => {
    const before = gateway.upstream.received('wrong').length
    gateway.upstream.answer('wrong', status(code, { error: { message: 'no' } }))
    await ask(`${gateway.url}/v1/chat/completions`, ways[0]?.body('mistaken/wrong', false) ?? {})
    expect(gateway.upstream.received('wrong')).toHaveLength(before + 1)
  })

  test.each([400, 409, 413, 422])("a mistake of the caller's own, at another target (%i)", async (code) => {
    gateway.upstream.answer('wrong', status(code, { error: { message: 'no' } }))
    const before = gateway.upstream.received('well').length
    const answer = await ask(`${gateway.url}/v1/chat/completions`, ways[0]?.body('any/mistaken', false) ?? {})
    expect([answer.status, answer.headers['x-should-retry']]).toEqual([code, code === 409 ? undefined : 'false'])
    expect(gateway.upstream.received('well')).toHaveLength(before)
  })

  test("a key of the gateway's own that is refused goes to another target", async () => {
    gateway.upstream.answer('wrong', status(401, { error: { message: 'no' } }))
    const answer = await ask(`${gateway.url}/v1/chat/completions`, ways[0]?.body('any/mistaken', false) ?? {})
    expect(answer.status).toBe(200)
  })

  test.each(ways)('an answer that has begun ($name)', async (way) => {
    gateway.upstream.answer('cut', pieces([delta(words[0] ?? '')], 'cut'))
    const before = gateway.upstream.received('cut').length
    const answer = await ask(gateway.url + way.path(true), way.body('cut/cut', true))
    expect([answer.status, way.said(answer.text), way.stopped(answer.text)]).toEqual([200, words[0], false])
    expect(gateway.upstream.received('cut')).toHaveLength(before + 1)
  })
})
