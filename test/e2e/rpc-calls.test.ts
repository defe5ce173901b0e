import { hash } from 'node:crypto'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { create } from '@bufbuild/protobuf'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node'
import { afterEach, describe, expect, test } from 'vitest'
import { type ChatRequest, ChatRequestSchema, Role, SourceSchema } from '#gen/switchyard/v1/chat_pb.ts'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { KeyService } from '#gen/switchyard/v1/key_pb.ts'
import type { KeyRule } from '../../src/keys/table.ts'
import { fail, type GatewayError } from '../../src/error/index.ts'
import { type Edge, type EdgeOptions, startEdge } from './rpc-edge.ts'
import { script, type Script } from './rpc-script.ts'

const edges: Edge[] = []
afterEach(async () => {
  for (const edge of edges.splice(0)) await edge[Symbol.asyncDispose]()
})

async function start(options: Omit<EdgeOptions, 'provider'> = {}): Promise<Edge & Script> {
  const scripted = script()
  const edge = await startEdge({ ...options, provider: scripted.provider })
  edges.push(edge)
  return { ...edge, ...scripted }
}

function ask(model: string, more: Partial<ChatRequest> = {}): ChatRequest {
  const parts = [{ kind: { case: 'text' as const, value: { text: 'there' } } }]
  return { ...create(ChatRequestSchema, { model, messages: [{ role: Role.USER, parts }] }), ...more }
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call
  } catch (error) {
    return ConnectError.from(error)
  }
  throw new Error('the call should have failed')
}

function clients({ http1, http2 }: Edge) {
  return {
    gRPC: createClient(InferenceService, createGrpcTransport({ baseUrl: http2 })),
    'Connect over HTTP/1.1': createClient(
      InferenceService,
      createConnectTransport({ baseUrl: http1, httpVersion: '1.1' }),
    ),
  }
}

const protocols = ['gRPC', 'Connect over HTTP/1.1'] as const

/** Reads a server's bytes slowly: takes some, then none at all. */
async function stalled(url: string, body: string): Promise<Socket> {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  const data = Buffer.from(body)
  const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, data.byteLength]), data])
  const head = [
    'POST /switchyard.v1.InferenceService/StreamChat HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/connect+json',
    `Content-Length: ${framed.byteLength}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  socket.write(framed)
  await new Promise((resolve) => socket.once('readable', resolve))
  return socket
}

describe.each(protocols)('a client that leaves, over %s,', (protocol) => {
  test('aborts the provider of a stream and the call is settled as cancelled', async () => {
    const edge = await start()
    const leaving = new AbortController()
    const events: string[] = []
    const error = await errorOf(
      (async () => {
        for await (const { event } of clients(edge)[protocol].streamChat(ask('wait'), { signal: leaving.signal })) {
          events.push(event.case ?? '')
          if (event.case === 'textDelta') leaving.abort()
        }
      })(),
    )
    expect(error.code).toBe(Code.Canceled)
    expect(((await edge.aborted) as GatewayError).reason).toBe('client_closed')
    await expect.poll(() => edge.calls).toHaveLength(1)
    expect(edge.calls[0]).toMatchObject({
      status: 'cancelled',
      reason: 'client_closed',
      streaming: true,
      dialect: 'rpc',
    })
    expect(edge.calls[0]?.usage.estimated).toBe(true)
  })

  test('aborts the provider of a whole answer', async () => {
    const edge = await start()
    const leaving = new AbortController()
    const call = errorOf(clients(edge)[protocol].chat(ask('silent'), { signal: leaving.signal }))
    await expect.poll(() => edge.requests).toHaveLength(1)
    leaving.abort()
    expect((await call).code).toBe(Code.Canceled)
    expect(((await edge.aborted) as GatewayError).reason).toBe('client_closed')
    await expect.poll(() => edge.calls[0]).toMatchObject({ status: 'cancelled', streaming: false })
  })
})

test('a client that stops reading holds the provider back, and is cut off', async () => {
  const edge = await start({ limits: { writeStallMs: 200 } })
  const body = '{"model":"long","messages":[{"role":"ROLE_USER","parts":[{"text":{"text":"x"}}]}]}'
  using socket = disposable(await stalled(edge.http1, body))
  await expect.poll(() => edge.calls).toHaveLength(1)
  expect(edge.calls[0]).toMatchObject({ status: 'cancelled', reason: 'client_closed' })
  expect(edge.errors).toEqual([])
  expect(socket.value.bytesRead).toBeLessThan(16 * 1024 * 1024)
})

test('who leaves while the end of an answer is on its way to it is no fault of the gateway', async () => {
  const edge = await start()
  const session = connectHttp2(edge.http2, { settings: { initialWindowSize: 0 } })
  const path = '/switchyard.v1.InferenceService/ListModels'
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc+proto' })
  stream.on('error', () => undefined)
  stream.end(Buffer.alloc(5))
  await new Promise((resolve) => stream.once('response', resolve))
  stream.close(8)
  await new Promise((resolve) => stream.once('close', resolve))
  await new Promise((resolve) => session.ping(() => setTimeout(resolve, 20)))
  expect(edge.errors).toEqual([])
  session.destroy()
})

test('a stalled reader over HTTP/2 is cut off as well', async () => {
  const edge = await start({ limits: { writeStallMs: 200 } })
  const session = connectHttp2(edge.http2)
  const body = Buffer.from('{"model":"long","messages":[{"role":"ROLE_USER","parts":[{"text":{"text":"x"}}]}]}')
  const path = '/switchyard.v1.InferenceService/StreamChat'
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/connect+json' })
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, body.byteLength]), body]))
  await expect.poll(() => edge.calls).toHaveLength(1)
  expect(edge.calls[0]).toMatchObject({ status: 'cancelled', reason: 'client_closed' })
  session.destroy()
})

function disposable(socket: Socket): Disposable & { readonly value: Socket } {
  return { value: socket, [Symbol.dispose]: () => void socket.destroy() }
}

test.each(protocols)('a long answer arrives whole over %s', async (protocol) => {
  const edge = await start()
  let characters = 0
  for await (const { event } of clients(edge)[protocol].streamChat(ask('long'))) {
    if (event.case === 'textDelta') characters += event.value.text.length
  }
  expect(characters).toBe('hello'.length + 4000 * 4096 + ' there'.length)
  const whole = await clients(edge)[protocol].chat(ask('long'))
  const part = whole.choices[0]?.message?.parts[0]?.kind
  expect(part?.case === 'text' ? part.value.text.length : 0).toBe(characters)
})

test.each(protocols)('a stop ends open streams with an error over %s', async (protocol) => {
  const edge = await start()
  const error = await errorOf(
    (async () => {
      for await (const { event } of clients(edge)[protocol].streamChat(ask('wait'))) {
        if (event.case === 'textDelta') edge.stop()
      }
    })(),
  )
  expect(error.code).toBe(Code.Unavailable)
  expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: 'shutting_down' })
})

const rule: KeyRule = {
  id: 'k1',
  sha256: hash('sha256', 'secret'),
  permissions: ['models:use'],
  models: [],
  accounts: [],
}

describe('a gateway with keys', () => {
  test.each([
    ['authorization', 'Bearer secret'],
    ['authorization', 'bearer secret'],
    ['x-api-key', 'secret'],
  ])('takes the key from %s: %s', async (name, value) => {
    const edge = await start({ keys: [rule] })
    for (const client of Object.values(clients(edge))) await client.chat(ask('hello'), { headers: { [name]: value } })
    expect(edge.calls.map(({ keyId }) => keyId)).toEqual(['k1', 'k1'])
  })

  test.each([undefined, 'Bearer wrong', 'Basic secret', ''])('refuses the authorization %s', async (authorization) => {
    const edge = await start({ keys: [rule] })
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
    for (const client of Object.values(clients(edge))) {
      const error = await errorOf(client.chat(ask('hello'), { headers }))
      expect(error.code).toBe(Code.Unauthenticated)
      expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ reason: 'unauthenticated' })
    }
    expect(edge.requests).toEqual([])
    expect(edge.calls.map(({ operation, reason, keyId }) => [operation, reason, keyId])).toEqual([
      ['chat', 'unauthenticated', ''],
      ['chat', 'unauthenticated', ''],
    ])
  })

  test('does not read the body of a caller it does not know', async () => {
    const edge = await start({ keys: [rule] })
    const headers = { 'content-type': 'application/json', 'content-length': String(30 * 1024 * 1024) }
    const request = httpRequest(`${edge.http1}/switchyard.v1.InferenceService/Chat`, { method: 'POST', headers })
    request.flushHeaders()
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve).once('error', reject)
    })
    expect(response.statusCode).toBe(401)
    expect(response.headers.connection).toBe('close')
    expect(JSON.parse(await text(response))).toMatchObject({ code: 'unauthenticated' })
    request.destroy()
  })

  test.each([
    ['did not read', 'Bearer wrong', Code.Unauthenticated],
    ['read in part', 'Bearer secret', Code.ResourceExhausted],
  ])('ends a gRPC stream whose body it %s', async (_what, authorization, code) => {
    const edge = await start({ keys: [rule] })
    const session = connectHttp2(edge.http2)
    const path = '/switchyard.v1.InferenceService/Chat'
    const head = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', authorization }
    const stream = session.request(head)
    // A message that claims to be larger than any may be, and is never complete.
    stream.write(Buffer.from([0, 255, 255, 255, 255, 0]))
    const trailers = await new Promise<Record<string, unknown>>((resolve) => stream.once('trailers', resolve).resume())
    expect(trailers['grpc-status']).toBe(String(code))
    await new Promise((resolve) => (stream.closed ? resolve(undefined) : stream.once('close', resolve)))
    session.destroy()
  })

  test('lets a key call only what its permissions allow', async () => {
    const edge = await start({ keys: [rule] })
    const keys = createClient(KeyService, createGrpcTransport({ baseUrl: edge.http2 }))
    const error = await errorOf(keys.listKeys({}, { headers: { 'x-api-key': 'secret' } }))
    expect(error.code).toBe(Code.PermissionDenied)
  })
})

function undecodable(): never {
  throw fail('invalid_request', 'messages: is required', { param: 'messages' })
}

describe('a request in the words of a dialect', () => {
  const source = create(SourceSchema, { dialect: 'words', body: '{"model":"evil","seed":5}' })

  test('loses them when nobody can read that dialect, but not the names of what is lost', async () => {
    const edge = await start()
    await clients(edge).gRPC.chat(
      ask('hello', { source: { ...source, untranslated: ['seed'], headers: { 'x-a': 'b' } } }),
    )
    expect(edge.requests[0]?.source).toMatchObject({ dialect: 'words', body: '', untranslated: ['seed'], headers: {} })
    expect(edge.requests[0]?.messages).toHaveLength(1)
  })

  test('is decoded again, except for where it goes', async () => {
    const decode = ({ body }: { readonly body: string }) =>
      ask('evil', { seed: 5n, strict: true, source: { ...source, body: `read:${body}` } })
    const edge = await start({ dialects: new Map([['words', { chat: decode, count_tokens: undecodable }]]) })
    await clients(edge).gRPC.chat(ask('hello', { source, seed: 9n, provider: 'scripted' }))
    expect(edge.requests[0]).toMatchObject({
      model: 'hello',
      seed: 5n,
      strict: false,
      source: { body: `read:${source.body}` },
    })
  })

  test('fails like any request when it cannot be read', async () => {
    const edge = await start({ dialects: new Map([['words', { chat: undecodable, count_tokens: undecodable }]]) })
    const error = await errorOf(clients(edge).gRPC.chat(ask('hello', { source })))
    expect(error.findDetails(ErrorInfoSchema)[0]?.metadata).toMatchObject({ param: 'messages' })
    expect(edge.calls).toMatchObject([{ operation: 'chat', reason: 'invalid_request', keyId: 'open' }])
  })
})

test('a question of how much a request would read is read as its dialect does, and may be strict by a header', async () => {
  const source = create(SourceSchema, { dialect: 'words', body: '{}' })
  const count = () => ask('evil', { seed: 5n, source })
  const edge = await start({ dialects: new Map([['words', { chat: undecodable, count_tokens: count }]]) })
  const headers = { 'x-switchyard-strict': 'true' }
  expect(await clients(edge).gRPC.countTokens(ask('hello', { source }), { headers })).toMatchObject({ inputTokens: 7 })
  expect(edge.requests[0]).toMatchObject({ model: 'hello', seed: 5n, strict: true })
})

test('a request that could not be read is recorded once', async () => {
  const edge = await start()
  const body = '['.repeat(100_000)
  const headers = { 'content-type': 'application/json', 'x-request-id': 'deep' }
  await fetch(`${edge.http1}/switchyard.v1.InferenceService/Chat`, { method: 'POST', headers, body })
  await expect
    .poll(() => edge.calls)
    .toMatchObject([{ clientRequestId: 'deep', dialect: 'rpc', reason: 'invalid_request' }])
})
