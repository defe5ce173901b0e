import { request as httpRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { create, toBinary } from '@bufbuild/protobuf'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ChatRequestSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { type Edge, startEdge } from './rpc-edge.ts'
import { script } from './rpc-script.ts'

const readBytes = 256 * 1024
const scripted = script()
let edge: Edge
beforeAll(async () => {
  const limits = { readBytes, maxTimeoutMs: 60_000, bodyIdleMs: 150 }
  edge = await startEdge({ provider: scripted.provider, limits })
})
afterAll(async () => edge[Symbol.asyncDispose]())

const chat = '/switchyard.v1.InferenceService/Chat'
const streamChat = '/switchyard.v1.InferenceService/StreamChat'
const listModels = '/switchyard.v1.InferenceService/ListModels'
const good = '{"model":"hello","messages":[{"role":"ROLE_USER","parts":[{"text":{"text":"you"}}]}]}'

interface ErrorBody {
  readonly code: string
  readonly message: string
  readonly details: readonly { readonly debug: { readonly reason: string } }[]
}

async function post(path: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  const all = { 'content-type': 'application/json', ...headers }
  return fetch(edge.http1 + path, { method: 'POST', headers: all, body: body as string })
}

async function refusal(answer: Response): Promise<[number, string, string]> {
  const { code, details } = (await answer.json()) as ErrorBody
  return [answer.status, code, details[0]?.debug.reason ?? '']
}

/** A message as the streaming protocols frame it, with a length that may be a lie. */
function envelope(data: Uint8Array, flags = 0, length = data.byteLength): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(flags, 0)
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, data])
}

interface GrpcAnswer {
  readonly headers: Record<string, unknown>
  readonly trailers: Record<string, unknown>
  readonly rstCode: number
}

/** One gRPC call, byte by byte. */
async function grpc(body: Uint8Array, headers: Record<string, string> = {}, path = chat): Promise<GrpcAnswer> {
  const session = connectHttp2(edge.http2)
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc+proto',
      te: 'trailers',
      ...headers,
    })
    const answer = { headers: {}, trailers: {} }
    stream.on('response', (received) => Object.assign(answer.headers, received))
    stream.on('trailers', (received) => Object.assign(answer.trailers, received))
    stream.end(body)
    stream.resume()
    await new Promise<void>((resolve, reject) => stream.once('close', resolve).once('error', reject))
    return { ...answer, rstCode: stream.rstCode }
  } finally {
    session.destroy()
  }
}

const invalidJson: Record<string, string | Uint8Array> = {
  'that is not JSON': '{"model":',
  'that is empty': '',
  'with invalid UTF-8': Buffer.from(good.replace('you', '\u00c3\u0028'), 'latin1'),
  'with half a surrogate pair': good.replace('you', '\\ud800'),
  'with a name twice': good.replace('{"model"', '{"model":"x","model"'),
  'with a name twice, deep inside': good.replace('{"text":"you"}', '{"text":"you","text":"you"}'),
  'with __proto__': good.replace('{"model"', '{"__proto__":{},"model"'),
  'with __proto__ in a map': good.replace('{"model"', '{"metadata":{"__proto__":"x"},"model"'),
  'with an unknown field': good.replace('{"model"', '{"modell":"x","model"'),
  'that nests too deep': good.replace(
    '{"model"',
    `{"tools":[{"custom":{"format":{"a":${'['.repeat(64)}${']'.repeat(64)}}}}],"model"`,
  ),
  'that nests absurdly deep': '['.repeat(100_000),
  'with a number out of range': good.replace('{"model"', '{"maxOutputTokens":1e400,"model"'),
  'with a negative count': good.replace('{"model"', '{"maxOutputTokens":-1,"model"'),
}

describe('a JSON request', () => {
  test.each(Object.keys(invalidJson))('%s is an invalid argument', async (name) => {
    const body = invalidJson[name] ?? ''
    expect(await refusal(await post(chat, body))).toEqual([400, 'invalid_argument', 'invalid_request'])
  })

  test.each(Object.keys(invalidJson))('%s is an invalid argument in a stream', async (name) => {
    const body = envelope(Buffer.from(invalidJson[name] ?? ''))
    const answer = await post(streamChat, body, { 'content-type': 'application/connect+json' })
    const end = JSON.parse((await answer.text()).slice(5)) as { error: ErrorBody }
    expect(end.error).toMatchObject({ code: 'invalid_argument', details: [{ debug: { reason: 'invalid_request' } }] })
  })

  test('that is good is answered', async () => {
    const answer = await post(chat, good)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(await answer.json()).toMatchObject({ usage: { inputTokens: 3, outputTokens: 2 } })
  })
})

describe('a body over the limit', () => {
  const large = good.replace('you', 'y'.repeat(readBytes))

  test('is 413 when its length is declared, before it is read', async () => {
    expect(await refusal(await post(chat, large))).toEqual([413, 'resource_exhausted', 'payload_too_large'])
  })

  test('is 413 when its length is not declared, and reading stops', async () => {
    let sent = 0
    const answer = await new Promise<{ status: number | undefined; body: Promise<string> }>((resolve, reject) => {
      const request = httpRequest(edge.http1 + chat, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      })
      request.once('response', (response) => resolve({ status: response.statusCode, body: text(response) }))
      request.once('error', reject)
      const feed = () => {
        if (sent >= 64 * readBytes) return
        sent += 16 * 1024
        request.write('x'.repeat(16 * 1024), feed)
      }
      feed()
    })
    expect(answer.status).toBe(413)
    expect(await answer.body).toContain('payload_too_large')
    expect(sent).toBeLessThan(64 * readBytes)
  })

  test('is 413 when it only shows after decompression', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '))
    const before = process.memoryUsage().rss
    const answer = await post(chat, bomb, { 'content-encoding': 'gzip' })
    expect(await refusal(answer)).toEqual([413, 'resource_exhausted', 'payload_too_large'])
    expect(process.memoryUsage().rss - before).toBeLessThan(40 * 1024 * 1024)
  })

  test('is RESOURCE_EXHAUSTED in gRPC, even when only its length is sent', async () => {
    const { trailers } = await grpc(envelope(new Uint8Array(4), 0, 0xffff_ffff))
    expect(trailers['grpc-status']).toBe('8')
    expect(trailers['grpc-status-details-bin']).toBeDefined()
  })

  test('is RESOURCE_EXHAUSTED in gRPC after decompression', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    expect((await grpc(envelope(bomb, 1), { 'grpc-encoding': 'gzip' })).trailers['grpc-status']).toBe('8')
  })
})

describe('a binary request', () => {
  test('that is no message is an invalid argument', async () => {
    const answer = await post(chat, new Uint8Array([255, 255, 255]), { 'content-type': 'application/proto' })
    expect(await refusal(answer)).toEqual([400, 'invalid_argument', 'invalid_request'])
    const { trailers } = await grpc(envelope(new Uint8Array([255, 255, 255])))
    expect(trailers['grpc-status']).toBe('3')
    expect(trailers['grpc-status-details-bin']).toBeDefined()
  })

  test('with a string that is not UTF-8 is an invalid argument', async () => {
    const model = new Uint8Array([0x0a, 2, 0xc3, 0x28])
    expect(await refusal(await post(chat, model, { 'content-type': 'application/proto' }))).toEqual([
      400,
      'invalid_argument',
      'invalid_request',
    ])
  })

  test.each([Infinity, -Infinity, Number.NaN])(
    'with %s where a tool is described is an invalid argument',
    async (x) => {
      const parts = [{ kind: { case: 'text' as const, value: { text: 'you' } } }]
      const tool = { case: 'function' as const, value: { name: 'f', parameters: { properties: [{ x }] } } }
      const message = { model: 'hello', messages: [{ role: Role.USER, parts }], tools: [{ kind: tool }] }
      const bytes = toBinary(ChatRequestSchema, create(ChatRequestSchema, message))
      const answer = await post(chat, bytes, { 'content-type': 'application/proto' })
      const { message: words } = (await answer.clone().json()) as ErrorBody
      expect(words).toBe('tools[0].function.parameters.properties[0].x: must be a finite number')
      expect(await refusal(answer)).toEqual([400, 'invalid_argument', 'invalid_request'])
    },
  )

  test.each([
    ['Generate', { prompts: [{ text: 'x' }] }, 'temperature'],
    ['Generate', { prompts: [{ text: 'x' }] }, 'topP'],
    ['Generate', { prompts: [{ text: 'x' }] }, 'presencePenalty'],
    ['Generate', { prompts: [{ text: 'x' }] }, 'frequencyPenalty'],
    ['Transcribe', { audio: 'UklGRg==' }, 'temperature'],
    ['CreateVideo', { prompt: 'x' }, 'seconds'],
  ])(
    'of %s with a number that is none, or out of range, is an invalid argument: %j %s',
    async (method, asked, field) => {
      for (const value of ['NaN', 'Infinity', -3]) {
        const body = JSON.stringify({ model: 'hello', ...asked, [field]: value })
        const path = `/switchyard.v1.InferenceService/${method}`
        expect(await refusal(await post(path, body))).toEqual([400, 'invalid_argument', 'invalid_request'])
      }
    },
  )

  test('that is not compressed as it says is an invalid argument', async () => {
    const answer = await post(chat, good, { 'content-encoding': 'gzip' })
    expect(await refusal(answer)).toEqual([400, 'invalid_argument', 'invalid_request'])
  })
})

describe('an error that quotes what was sent', () => {
  const long = `{"model":"hello","seed":"${'4'.repeat(100_000)}"}`

  test('has its reason, also where the client takes it compressed', async () => {
    for (const encoding of ['gzip', 'br', 'identity']) {
      const answer = await post(chat, long, { 'accept-encoding': encoding })
      expect(answer.headers.get('content-encoding')).toBeNull()
      expect(await refusal(answer)).toEqual([400, 'invalid_argument', 'invalid_request'])
    }
  })

  test('has it at the end of a stream', async () => {
    for (const encoding of ['gzip', 'br', 'identity']) {
      const headers = { 'content-type': 'application/connect+json', 'connect-accept-encoding': encoding }
      const answer = await post(streamChat, envelope(Buffer.from(long)), headers)
      const end = Buffer.from(await answer.arrayBuffer())
      expect(end[0]).toBe(2)
      const { error } = JSON.parse(end.subarray(5).toString()) as { error: ErrorBody }
      expect(error.details[0]?.debug.reason).toBe('invalid_request')
      expect(error.message.length).toBeLessThan(4000)
    }
  })

  test('fits into the trailers of gRPC', async () => {
    const type = { 'content-type': 'application/grpc+json' }
    const { trailers } = await grpc(envelope(Buffer.from(long)), type)
    expect(trailers['grpc-status']).toBe('3')
    expect(JSON.stringify(trailers).length).toBeLessThan(8192)
  })
})

describe('a deadline', () => {
  test.each(['soon', '-1', '1e3', '99999999999', '60001'])('of %s is an invalid argument', async (timeout) => {
    const answer = await post(chat, good, { 'connect-timeout-ms': timeout })
    expect(await refusal(answer)).toEqual([400, 'invalid_argument', 'invalid_request'])
  })

  test.each(['soon', '1', '1x', '-1m', '2M'])('of %s is INVALID_ARGUMENT in gRPC', async (timeout) => {
    const { trailers } = await grpc(envelope(new Uint8Array()), { 'grpc-timeout': timeout })
    expect(trailers['grpc-status']).toBe('3')
  })

  test('that is over when the call begins has passed', async () => {
    const answer = await post(chat, good, { 'connect-timeout-ms': '0' })
    expect(await refusal(answer)).toEqual([504, 'deadline_exceeded', 'timeout'])
  })

  test('shorter than the answer takes names its timer', async () => {
    const answer = await post(chat, good.replace('hello', 'silent'), { 'connect-timeout-ms': '40' })
    expect(answer.status).toBe(504)
    expect(await answer.text()).toContain('"timer":"total"')
  })
})

describe('a request body that pauses', () => {
  const declared = { 'content-type': 'application/json', 'content-length': '100000' }

  test('for too long is given up', async () => {
    const request = httpRequest(edge.http1 + chat, { method: 'POST', headers: declared })
    const answer = await new Promise<string>((resolve, reject) => {
      request.once('response', (response) => resolve(text(response)))
      request.once('error', reject)
      request.write('{"model":')
    })
    expect(JSON.parse(answer)).toMatchObject({
      code: 'deadline_exceeded',
      details: [{ debug: { reason: 'request_timeout' } }],
    })
    request.destroy()
  })
})

describe('a request that is none of ours', () => {
  test('is left to others', async () => {
    expect(await (await fetch(`${edge.http1}/v1/models`)).text()).toBe('elsewhere')
    expect(await (await fetch(`${edge.http1}/nobody.v1.Service/Method`)).text()).toBe('elsewhere')
  })

  test('names a method that a service of ours does not have', async () => {
    expect(await refusal(await post('/switchyard.v1.InferenceService/Dance', '{}'))).toEqual([
      404,
      'unimplemented',
      'unsupported_operation',
    ])
    const { headers, trailers } = await grpc(envelope(new Uint8Array()), {}, '/switchyard.v1.KeyService/Steal')
    expect([headers[':status'], trailers['grpc-status']]).toEqual([200, '12'])
  })

  test('has a content type of no RPC protocol', async () => {
    const answer = await post(chat, good, { 'content-type': 'text/plain' })
    expect(answer.headers.get('x-request-id')).not.toBeNull()
    expect(await refusal(answer)).toEqual([415, 'invalid_argument', 'unsupported_media_type'])
  })

  test('uses GET where there are side effects', async () => {
    expect((await fetch(`${edge.http1}${chat}?encoding=json&message={}`)).status).toBe(405)
  })
})

test('a method without side effects may be called with GET', async () => {
  const answer = await fetch(`${edge.http1}${listModels}?connect=v1&encoding=json&message=${encodeURIComponent('{}')}`)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ models: [{ id: 'fast' }] })
})

test.each(['', 'a b', '%', 'x:99999', '[::zz'])('a Host of "%s" does no harm', async (host) => {
  const { port } = new URL(edge.http1)
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1')
    const head = `POST ${chat} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`
    socket.end(`${head}Content-Length: ${good.length}\r\nConnection: close\r\n\r\n${good}`)
    resolve(text(socket))
    socket.once('error', reject)
  })
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
})
