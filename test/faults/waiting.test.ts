import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { Code, ConnectError } from '@connectrpc/connect'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { ask, post } from './client.ts'
import { type FaultyGateway, type GatewayChoices, openGateway, soon } from './gateway.ts'
import { rawClient } from './raw.ts'
import { delta, flood, frames, pieces, type Received, silence, well, whole } from './upstream.ts'
import { ways } from './ways.ts'

/** Long enough that only the timer under test can fire. */
const patient = {
  connect: '20s',
  first_event: '20s',
  between_events: '20s',
  request_body: '20s',
  write: '20s',
  total: '20s',
}
const pings = Array.from({ length: 100 }, () => ': still thinking\n\n')

async function open(timeouts: Partial<typeof patient>, more: GatewayChoices = {}): Promise<FaultyGateway> {
  const gateway = await openGateway({ ...more, config: { timeouts: { ...patient, ...timeouts }, ...more.config } })
  const { upstream } = gateway
  upstream.answer('silent', silence)
  upstream.answer('headers', pieces([], 'hang'))
  upstream.answer('pings', pieces(pings, 'hang', 10))
  upstream.answer('half', pieces([JSON.stringify(whole).slice(0, 90)], 'hang', 0, 'application/json'))
  upstream.answer('two', pieces(frames.slice(0, 2), 'hang'))
  upstream.answer('two-then-pings', pieces([...frames.slice(0, 2), ...pings], 'hang', 10))
  upstream.answer('drip', pieces(frames, 'end', 100))
  upstream.answer(
    'endless',
    pieces(
      Array.from({ length: 500 }, () => delta('more ')),
      'hang',
      20,
    ),
  )
  upstream.answer('flood', flood(64 * 1024 * 1024))
  upstream.answer('well', well)
  return gateway
}

let gateway: FaultyGateway
const question = (model: string) => ({
  model: `up/${model}`,
  messages: [{ role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text: 'count to four' } } }] }],
})

/** What a gRPC stream said, and the code, reason and timer of the error that ended it. */
async function streamed(model: string, requestId: string, timeoutMs?: number): Promise<readonly unknown[]> {
  let text = ''
  try {
    const options = { headers: { 'x-request-id': requestId }, ...(timeoutMs !== undefined && { timeoutMs }) }
    for await (const { event } of gateway.rpc.streamChat(question(model), options)) {
      if (event.case === 'textDelta') text += event.value.text
    }
    return [text]
  } catch (thrown) {
    const error = ConnectError.from(thrown)
    const info = error.findDetails(ErrorInfoSchema)[0]
    return [text, error.code, info?.reason, info?.metadata['timer']]
  }
}

/** What the upstream was asked for a request. */
function askedBy(requestId: string): Received[] {
  return gateway.upstream.received().filter(({ headers }) => headers['x-request-id'] === requestId)
}

async function expectSettled(requestId: string, model: string, fields: object): Promise<void> {
  const [asked] = askedBy(requestId)
  await soon(asked?.left ?? Promise.reject(new Error('never asked')), 'the end of the upstream call')
  expect(await gateway.settled(requestId)).toEqual([expect.objectContaining({ model, ...fields })])
}

const timedOut = { status: 'error', reason: 'timeout', http_status: 504 }
const nothing = { input_tokens: 0, output_tokens: 0 }
const twoWords = { estimated: true, output_tokens: 2 }

describe('the timer for the first event', () => {
  beforeAll(async () => void (gateway = await open({ first_event: '500ms' })))
  afterAll(async () => gateway[Symbol.asyncDispose]())

  const cases = ways.flatMap((way) => [
    { way, name: way.name, model: 'silent', streaming: true },
    { way, name: way.name, model: 'headers', streaming: true },
    { way, name: way.name, model: 'pings', streaming: true },
    { way, name: way.name, model: 'silent', streaming: false },
    { way, name: way.name, model: 'half', streaming: false },
  ])
  test.concurrent.each(cases)(
    'is a 504 that names it ($name, $model, stream $streaming)',
    async ({ way, model, streaming }) => {
      const requestId = randomUUID()
      const url = gateway.url + way.path(streaming)
      const { status, text } = await ask(url, way.body(`up/${model}`, streaming), { 'x-request-id': requestId })
      expect([status, way.code(text), text]).toEqual([
        504,
        way.codeOf('timeout'),
        expect.stringContaining('first_event'),
      ])
      await expectSettled(requestId, model, { ...timedOut, ...nothing })
    },
  )

  test.concurrent.each(['silent', 'headers', 'pings'])(
    'is DEADLINE_EXCEEDED that names it in gRPC (%s)',
    async (model) => {
      const requestId = randomUUID()
      expect(await streamed(model, requestId)).toEqual(['', Code.DeadlineExceeded, 'timeout', 'first_event'])
      await expectSettled(requestId, model, { ...timedOut, ...nothing })
    },
  )

  test.concurrent('does not run once there was an event', async () => {
    const answer = await ask(`${gateway.url}/v1/chat/completions`, { ...ways[0]?.body('up/drip', true) })
    expect(answer.text).toContain('data: [DONE]')
  })
})

describe('the timer between events', () => {
  beforeAll(async () => void (gateway = await open({ between_events: '500ms' })))
  afterAll(async () => gateway[Symbol.asyncDispose]())

  const cases = ways.flatMap((way) => [
    { way, name: way.name, model: 'two' },
    { way, name: way.name, model: 'two-then-pings' },
  ])
  test.concurrent.each(cases)('ends a stream with an error that names it ($name, $model)', async ({ way, model }) => {
    const requestId = randomUUID()
    const url = gateway.url + way.path(true)
    const answer = await post(url, way.body(`up/${model}`, true), { 'x-request-id': requestId }).head
    const text = await answer.rest()
    expect([answer.status, way.said(text), way.stopped(text)]).toEqual([200, 'one two ', false])
    expect(way.failure(text)).toMatchObject({
      code: way.codeOf('timeout'),
      message: expect.stringContaining('between_events') as string,
    })
    await expectSettled(requestId, model, { ...timedOut, ...twoWords })
  })

  test.concurrent('is DEADLINE_EXCEEDED that names it in gRPC', async () => {
    const requestId = randomUUID()
    expect(await streamed('two', requestId)).toEqual(['one two ', Code.DeadlineExceeded, 'timeout', 'between_events'])
    await expectSettled(requestId, 'two', { ...timedOut, ...twoWords })
  })

  test.concurrent('starts anew with every event, so that a slow answer arrives whole', async () => {
    const requestId = randomUUID()
    expect(await streamed('drip', requestId)).toEqual(['one two three four '])
  })
})

describe('the timer of the whole call', () => {
  beforeAll(async () => void (gateway = await open({ total: '500ms' }, { config: { retries: { per_target: 2 } } })))
  afterAll(async () => gateway[Symbol.asyncDispose]())

  test.concurrent.each(ways)('ends a stream that goes on and on ($name)', async (way) => {
    const requestId = randomUUID()
    const answer = post(gateway.url + way.path(true), way.body('up/endless', true), { 'x-request-id': requestId })
    const text = await (await answer.head).rest()
    expect(way.said(text)).toMatch(/^(more )+$/)
    expect([way.stopped(text), way.failure(text)?.message]).toEqual([false, expect.stringContaining('timer: total')])
    await expectSettled(requestId, 'endless', { ...timedOut, estimated: true })
  })

  test.concurrent.each(ways)('is a 504 that names it, and no reason to try again ($name)', async (way) => {
    const requestId = randomUUID()
    const url = gateway.url + way.path(false)
    const { status, text } = await ask(url, way.body('up/silent', false), { 'x-request-id': requestId })
    expect([status, text]).toEqual([504, expect.stringContaining('timer: total')])
    await expectSettled(requestId, 'silent', { ...timedOut, ...nothing, attempts: 1 })
    expect(askedBy(requestId)).toHaveLength(1)
  })
})

describe("a caller's own deadline", () => {
  beforeAll(async () => void (gateway = await open({})))
  afterAll(async () => gateway[Symbol.asyncDispose]())

  const path = '/switchyard.v1.InferenceService/Chat'
  const json = (model: string) => ({
    model: `up/${model}`,
    messages: [{ role: 'ROLE_USER', parts: [{ text: { text: 'x' } }] }],
  })

  test('of 10 ms ends a call over Connect, and its upstream call', async () => {
    const requestId = randomUUID()
    const headers = { 'connect-timeout-ms': '10', 'x-request-id': requestId }
    const { status, text } = await ask(gateway.url + path, json('silent'), headers)
    expect([status, JSON.parse(text)]).toEqual([504, expect.objectContaining({ code: 'deadline_exceeded' })])
    const [line, ...more] = await gateway.settled(requestId)
    expect([line?.['status'], more]).toEqual([expect.stringMatching(/error|cancelled/), []])
    await expect.poll(() => gateway.upstream.open).toBe(0)
  })

  test('of 10 ms is DEADLINE_EXCEEDED in gRPC, and settled', async () => {
    const requestId = randomUUID()
    const [, code] = await streamed('silent', requestId, 10)
    expect(code).toBe(Code.DeadlineExceeded)
    // A deadline that ran out on the way may keep the call from ever arriving.
    await setTimeout(100)
    const lines = gateway.allSettled().filter((line) => line['request_id'] === requestId)
    expect(lines.length).toBeLessThanOrEqual(1)
    await expect.poll(() => gateway.upstream.open).toBe(0)
  })

  test.each(['soon', '-1', '1e3', '1.5', ''])('of "%s" is not understood', async (timeout) => {
    const before = gateway.upstream.received().length
    const { status, text } = await ask(gateway.url + path, json('well'), { 'connect-timeout-ms': timeout })
    if (timeout === '') return
    expect([status, JSON.parse(text)]).toEqual([400, expect.objectContaining({ code: 'invalid_argument' })])
    expect(gateway.upstream.received()).toHaveLength(before)
  })

  const generic = (configuration: object) => ({
    ...ways.find(({ name }) => name === 'sgp')?.body('up/silent', false),
    inference_configuration: configuration,
  })

  test('in seconds ends a generic call', async () => {
    const { status, text } = await ask(`${gateway.url}/v5/inference`, generic({ timeout_seconds: 1 }))
    expect([status, JSON.parse(text)]).toEqual([504, { detail: expect.stringContaining('timer: total') as string }])
  })

  test.each([0, -1, 1.5, 'soon', 1e300, '5'])('of %s seconds is not understood', async (seconds) => {
    const { status, text } = await ask(`${gateway.url}/v5/inference`, generic({ timeout_seconds: seconds }))
    expect([status, text]).toEqual([422, expect.stringContaining('timeout_seconds')])
  })
})

describe('the timer for the request body', () => {
  beforeAll(async () => void (gateway = await open({ request_body: '150ms' })))
  afterAll(async () => gateway[Symbol.asyncDispose]())

  test.each(ways)('is a 408, and nobody is asked ($name)', async (way) => {
    const requestId = randomUUID()
    const client = await rawClient(gateway.port)
    const head = `host: a\r\ncontent-type: application/json\r\ncontent-length: 5000\r\nx-request-id: ${requestId}`
    client.send(`POST ${way.path(false)} HTTP/1.1\r\n${head}\r\n\r\n{"model":`)
    await soon(client.closed, 'the end of the connection')
    expect(client.text).toMatch(/^HTTP\/1.1 408 /)
    expect(way.code(client.text.slice(client.text.indexOf('\r\n\r\n') + 4))).toBe(way.codeOf('request_timeout'))
    expect(await gateway.settled(requestId)).toEqual([
      expect.objectContaining({ reason: 'request_timeout', ...nothing }),
    ])
    expect(gateway.upstream.received()).toEqual([])
  })
})

describe('the timer for a connection', () => {
  const sockets: Socket[] = []
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy()
  })

  test('is a 504 that names it', async () => {
    await using listener = await deafListener()
    // The kernel completes a few connections by itself; when its queue is full, it lets every further one wait.
    for (let count = 0; count < 8; count++)
      sockets.push(connect(listener.port, '127.0.0.1').on('error', () => undefined))
    await setTimeout(100)
    const deaf = { name: 'deaf', type: 'openai', base_url: `http://127.0.0.1:${listener.port}`, env_var: 'UP_API_KEY' }
    gateway = await open({ connect: '300ms' }, { providers: () => [deaf] })
    const requestId = randomUUID()
    const body = { model: 'deaf/any', messages: [{ role: 'user', content: 'hello?' }] }
    const { status, text } = await ask(`${gateway.url}/v1/chat/completions`, body, { 'x-request-id': requestId })
    expect([status, text]).toEqual([504, expect.stringContaining('timer: connect')])
    expect(await gateway.settled(requestId)).toEqual([expect.objectContaining({ ...timedOut, ...nothing })])
    await gateway[Symbol.asyncDispose]()
  })
})

/** A process that listens with the shortest queue there is, and never takes a connection. */
async function deafListener(): Promise<AsyncDisposable & { readonly port: number }> {
  const program = `
    const server = require('node:net').createServer()
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    port: Number(port.toString()),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
