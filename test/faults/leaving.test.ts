import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { post, postHttp2 } from './client.ts'
import { type FaultyGateway, openGateway, soon } from './gateway.ts'
import { rawClient } from './raw.ts'
import { frames, framesToFinish, pieces, silence, status, well, whole } from './upstream.ts'
import { ways } from './ways.ts'

let gateway: FaultyGateway
beforeAll(async () => {
  gateway = await openGateway({ config: { retries: { per_target: 2, max_retry_after: '10s' } } })
  const { upstream } = gateway
  upstream.answer('silent', silence)
  upstream.answer('headers', pieces([], 'hang'))
  for (let count = 1; count <= framesToFinish; count++) {
    upstream.answer(`after-${count}`, pieces(frames.slice(0, count), 'hang'))
  }
  upstream.answer('half', pieces([JSON.stringify(whole).slice(0, 90)], 'hang', 0, 'application/json'))
  upstream.answer('later', status(503, {}, { 'retry-after': '9' }))
  upstream.answer('well', well)
})
afterAll(async () => gateway[Symbol.asyncDispose]())

const estimated = { estimated: true, input_tokens: expect.toBeOneOf([5, 6, 7]) as number }
const nothing = { input_tokens: 0, output_tokens: 0 }

/** A client that left has exactly one line in the log, and its upstream call is over. */
async function expectCancelled(requestId: string, model: string, consumed: object): Promise<void> {
  const asked = gateway.upstream.received(model).at(-1)
  await soon(asked?.left ?? Promise.reject(new Error('never asked')), 'the end of the upstream call')
  const lines = await gateway.settled(requestId)
  expect(lines).toEqual([
    expect.objectContaining({ status: 'cancelled', reason: 'client_closed', http_status: 499, model, ...consumed }),
  ])
}

/** Waits until the upstream got one more request for the model than it had. */
async function reached(model: string, before: number): Promise<void> {
  while (gateway.upstream.received(model).length <= before) await setTimeout(5)
}

describe.each(ways)('a client that leaves, by $name', (way) => {
  const url = (streaming: boolean): string => gateway.url + way.path(streaming)

  test.each([
    ['silent', true],
    ['headers', true],
    ['silent', false],
    ['headers', false],
    ['half', false],
  ])(
    'before anything was said cancels the upstream call and pays nothing (%s, stream %s)',
    async (model, streaming) => {
      const requestId = randomUUID()
      const before = gateway.upstream.received(model).length
      const asking = post(url(streaming), way.body(`up/${model}`, streaming), { 'x-request-id': requestId })
      await reached(model, before)
      await setTimeout(20)
      asking.leave()
      await expectCancelled(requestId, model, nothing)
    },
  )

  test.each(Array.from({ length: framesToFinish }, (_, at) => at + 1))(
    'after %i pieces of a stream cancels the upstream call and pays for what was said',
    async (count) => {
      const requestId = randomUUID()
      const model = `after-${count}`
      const reading = await post(url(true), way.body(`up/${model}`, true), { 'x-request-id': requestId }).head
      await reading.has(['one', 'two', 'three', 'four', 'four'][count - 1] ?? '')
      reading.leave()
      await expectCancelled(requestId, model, { ...estimated, output_tokens: [1, 2, 4, 5, 5][count - 1] })
    },
  )

  test('between two tries keeps the upstream from being asked again', async () => {
    const requestId = randomUUID()
    const before = gateway.upstream.received('later').length
    const asking = post(url(false), way.body('up/later', false), { 'x-request-id': requestId })
    await reached('later', before)
    await setTimeout(50)
    asking.leave()
    const lines = await gateway.settled(requestId)
    expect(lines).toEqual([expect.objectContaining({ status: 'cancelled', http_status: 499, attempts: 1 })])
    expect(gateway.upstream.received('later')).toHaveLength(before + 1)
  })

  test('while it sends its question is recorded, and nobody is asked', async () => {
    const requestId = randomUUID()
    const before = gateway.upstream.received().length
    const client = await rawClient(gateway.port)
    const head = `host: a\r\ncontent-type: application/json\r\ncontent-length: 5000\r\nx-request-id: ${requestId}`
    client.send(`POST ${way.path(false)} HTTP/1.1\r\n${head}\r\n\r\n{"model":`)
    await setTimeout(50)
    client.socket.destroy()
    expect(await gateway.settled(requestId)).toEqual([
      expect.objectContaining({ status: 'cancelled', reason: 'client_closed', http_status: 499, ...nothing }),
    ])
    expect(gateway.upstream.received()).toHaveLength(before)
  })

  test.each(['silent', 'after-2'])('over HTTP/2 cancels the upstream call as well (%s)', async (model) => {
    const requestId = randomUUID()
    const before = gateway.upstream.received(model).length
    const asking = postHttp2(gateway.url, way.path(true), way.body(`up/${model}`, true), { 'x-request-id': requestId })
    await reached(model, before)
    if (model === 'after-2') await asking.has('two')
    else await setTimeout(20)
    asking.leave()
    await expectCancelled(requestId, model, model === 'silent' ? nothing : { ...estimated, output_tokens: 2 })
    asking.end()
  })
})

describe('a client that leaves, by gRPC', () => {
  const messages = [{ role: Role.USER, parts: [{ kind: { case: 'text', value: { text: 'count to four' } } }] }] as const
  const question = (model: string) => ({
    model: `up/${model}`,
    messages: [...messages].map(({ role, parts }) => ({ role, parts: [...parts] })),
  })

  test.each(['silent', 'headers'])('before anything was said cancels the upstream call (%s)', async (model) => {
    for (const streaming of [true, false]) {
      const requestId = randomUUID()
      const leave = new AbortController()
      const before = gateway.upstream.received(model).length
      const options = { signal: leave.signal, headers: { 'x-request-id': requestId } }
      const asking = streaming
        ? drain(gateway.rpc.streamChat(question(model), options))
        : gateway.rpc.chat(question(model), options)
      const outcome = expect(asking).rejects.toMatchObject({ code: 1 })
      await reached(model, before)
      leave.abort()
      await outcome
      await expectCancelled(requestId, model, nothing)
    }
  })

  test.each([1, 2, 4, framesToFinish])('after %i pieces pays for what was said', async (count) => {
    const requestId = randomUUID()
    const leave = new AbortController()
    const options = { signal: leave.signal, headers: { 'x-request-id': requestId } }
    const words = Math.min(count, 4)
    let heard = 0
    const asking = (async () => {
      for await (const { event } of gateway.rpc.streamChat(question(`after-${count}`), options)) {
        if (event.case === 'textDelta' && ++heard === words) leave.abort()
      }
    })()
    await expect(asking).rejects.toMatchObject({ code: 1 })
    await expectCancelled(requestId, `after-${count}`, { estimated: true, output_tokens: [1, 2, 4, 5][words - 1] })
  })
})

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const event of events) void event
}

test('every request of this file was recorded once', () => {
  const ids = gateway.allSettled().map((line) => line['request_id'])
  expect(new Set(ids).size).toBe(ids.length)
})

test('nothing stays open after so many departures', async () => {
  await expect.poll(() => gateway.upstream.open).toBe(0)
  expect(await gateway.metrics()).not.toMatch(/switchyard_requests_in_flight\{[^}]*\} [1-9]/)
})
