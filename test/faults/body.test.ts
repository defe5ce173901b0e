import { randomBytes } from 'node:crypto'
import { request as requestHttp1 } from 'node:http'
import { connect as connectHttp2, type ClientHttp2Stream } from 'node:http2'
import { cpuUsage, resourceUsage } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { asGatewayError, GatewayError } from '../../src/error/index.ts'
import { decodeUtf8, readBody } from '../../src/server/body.ts'
import type { BodyLimits } from '../../src/server/intake.ts'
import type { NodeRequest, NodeResponse } from '../../src/server/port.ts'
import { openEdge, type TestEdge } from './edge.ts'
import { ask, exchange, flags, frame, frames, headerBlock, rawClient, rawHttp2, readFrames, statuses } from './raw.ts'

interface BodyEdge extends TestEdge {
  /** What `readBody` gave or threw, request by request. */
  readonly read: (Buffer | GatewayError)[]
  readonly requests: NodeRequest[]
  /** Whether any of the body was read by then. */
  readonly begun: boolean[]
}

/** A port that answers every body with its own bytes, or the status and reason of the error. */
async function openBodyEdge(limits: Partial<BodyLimits> = {}): Promise<BodyEdge> {
  const read: (Buffer | GatewayError)[] = []
  const requests: NodeRequest[] = []
  const begun: boolean[] = []
  const answer = async (request: NodeRequest, response: NodeResponse): Promise<void> => {
    const body = await readBody(request, { bytes: 1000, idleMs: 5000, ...limits }).catch(asGatewayError)
    read.push(body)
    begun.push(request.readableDidRead)
    response.statusCode = body instanceof GatewayError ? body.status : 200
    response.end(body instanceof GatewayError ? body.reason : body)
  }
  const edge = await openEdge({ lingerMs: 1000 }, (request, response) => {
    requests.push(request)
    void answer(request, response)
  })
  return { ...edge, read, requests, begun }
}

/** What one protocol's client got for one body. */
interface Reply {
  readonly status: number | undefined
  readonly body: string
}

type Post = (edge: TestEdge, body: Buffer, headers?: Record<string, string>) => Promise<Reply>

const overHttp1: Post = (edge, body, headers = {}) =>
  new Promise((resolve, reject) => {
    const request = requestHttp1({ host: '127.0.0.1', port: edge.number, method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() }))
    })
    request.on('error', reject)
    request.end(body)
  })

const overHttp2: Post = async (edge, body, headers = {}) => {
  const session = connectHttp2(`http://127.0.0.1:${edge.number}`)
  const answer = await ask(session, { ':method': 'POST', ...headers }, (stream) => stream.end(body))
  session.destroy()
  return answer
}

const text = Buffer.from('{"text":"grüße 🚀"}')

describe.each([
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
])('over %s', (_, post) => {
  test('reads what was sent, in one piece or many, up to the very limit', async () => {
    await using edge = await openBodyEdge({ bytes: 300_000 })
    const bodies = [text, Buffer.alloc(0), randomBytes(300_000)]
    for (const body of bodies) expect(await post(edge, body)).toMatchObject({ status: 200 })
    expect(edge.read).toEqual(bodies)
  })

  test.each([
    ['gzip', gzipSync(text)],
    ['GZIP', Buffer.concat([gzipSync(text.subarray(0, 5)), gzipSync(text.subarray(5))])],
    ['x-gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
    ['identity', text],
  ])('decompresses %s', async (coding, body) => {
    await using edge = await openBodyEdge()
    expect(await post(edge, body, { 'content-encoding': coding })).toMatchObject({ status: 200 })
    expect(edge.read).toEqual([text])
  })

  test('decompresses what arrives in many pieces', async () => {
    await using edge = await openBodyEdge({ bytes: 2_000_000 })
    const body = randomBytes(1_500_000)
    await post(edge, gzipSync(body), { 'content-encoding': 'gzip' })
    expect(body.equals(edge.read[0] as Buffer)).toBe(true)
  })

  test('takes an empty body for empty, whatever its coding', async () => {
    await using edge = await openBodyEdge()
    expect(await post(edge, Buffer.alloc(0), { 'content-encoding': 'gzip' })).toEqual(
      expect.objectContaining({ status: 200, body: '' }),
    )
  })

  test.each(['zstd', 'gzip, br', 'nonsense'])('refuses the coding "%s"', async (coding) => {
    await using edge = await openBodyEdge()
    const answer = await post(edge, text, { 'content-encoding': coding })
    expect(answer).toMatchObject({ status: 415, body: 'unsupported_media_type' })
  })

  test.each([
    ['is not gzip', text],
    ['is cut short', gzipSync(text).subarray(0, -9)],
    ['has a wrong checksum', Buffer.concat([gzipSync(text).subarray(0, -8), Buffer.alloc(8)])],
    ['has more behind it', Buffer.concat([gzipSync(text), Buffer.from('more')])],
    ['has zeros behind it', Buffer.concat([gzipSync(text), Buffer.alloc(9)])],
    ['has more behind it', Buffer.concat([deflateSync(text), Buffer.from('more')]), 'deflate'],
    ['has more behind it', Buffer.concat([brotliCompressSync(text), Buffer.from('more')]), 'br'],
    ['is cut short', deflateSync(text).subarray(0, -5), 'deflate'],
    ['is cut short', brotliCompressSync(text).subarray(0, -1), 'br'],
  ])('refuses a compressed body that %s', async (__, body, coding = 'gzip') => {
    await using edge = await openBodyEdge()
    const answer = await post(edge, body, { 'content-encoding': coding })
    expect(answer).toMatchObject({ status: 400, body: 'invalid_request' })
  })

  test('refuses a gzip bomb without making room for it', async () => {
    await using edge = await openBodyEdge({ bytes: 4_000_000 })
    const member = gzipSync(Buffer.alloc(1024 * 1024))
    const bomb = Buffer.concat(Array.from({ length: 1000 }, () => member))
    await post(edge, gzipSync(randomBytes(2_000_000)), { 'content-encoding': 'gzip' })
    const before = resourceUsage().maxRSS
    expect(await post(edge, bomb, { 'content-encoding': 'gzip' })).toMatchObject({ status: 413 })
    expect(resourceUsage().maxRSS - before).toBeLessThan(20 * 1024)
    const answered = cpuUsage()
    await sleep(300)
    expect(cpuUsage(answered).user, 'microseconds of work after the answer').toBeLessThan(150_000)
  })

  test('refuses a body over the limit by its declared length alone', async () => {
    await using edge = await openBodyEdge()
    const answer = await post(edge, Buffer.alloc(1001), { 'content-length': '1001' })
    expect(answer).toMatchObject({ status: 413, body: 'payload_too_large' })
    expect(edge.begun).toEqual([false])
  })

  test('gets its refusal through to a client that is still sending', async () => {
    await using edge = await openBodyEdge()
    const answer = await post(edge, Buffer.alloc(8_000_000))
    expect(answer).toMatchObject({ status: 413, body: 'payload_too_large' })
  })
})

const chunked = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
const thousand = `3e8\r\n${'x'.repeat(1000)}\r\n`

test('gives the only piece of a body as it came, uncopied', async () => {
  const pieces: Buffer[] = []
  const given: Buffer[] = []
  await using edge = await openEdge({}, (request, response) => {
    request.on('data', (piece: Buffer) => pieces.push(piece))
    const body = readBody(request, { bytes: 100, idleMs: 1000 })
    void body.then((bytes) => given.push(bytes)).then(() => response.end())
  })
  await overHttp1(edge, text)
  expect(given[0]).toBe(pieces[0])
})

test('reads no further than the limit over HTTP/1.1, answers, and closes', async () => {
  await using edge = await openBodyEdge()
  const client = await rawClient(edge.number)
  client.send(chunked + thousand)
  await sleep(30)
  expect(edge.read).toEqual([])
  client.send('1\r\nx\r\n')
  await client.has('payload_too_large')
  await client.closed
  expect(statuses(client.text)).toEqual(['413'])
  expect(client.text).toContain('Connection: close')
  expect(edge.requests[0]?.readableEnded).toBe(false)
})

test('gets its refusal through to a client that reads only after it has sent everything', async () => {
  await using edge = await openBodyEdge()
  const client = await rawClient(edge.number)
  client.socket.pause()
  client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 16000000\r\n\r\n')
  for (let piece = 0; piece < 16; piece += 1) {
    await new Promise((resolve) => client.socket.write(Buffer.alloc(1_000_000), resolve))
  }
  client.socket.resume()
  await client.closed
  expect(statuses(client.text)).toEqual(['413'])
})

test('serves no request that follows a body over the limit', async () => {
  await using edge = await openBodyEdge()
  const client = await rawClient(edge.number)
  client.send(chunked + thousand + thousand)
  await client.has('payload_too_large')
  client.send('0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.closed
  expect(edge.seen).toEqual(['/'])
})

test('keeps the connection when the body was read to its end', async () => {
  await using edge = await openBodyEdge()
  const request = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nbad'
  const client = await rawClient(edge.number)
  client.send(request)
  await client.has('invalid_request')
  client.send(request)
  await client.until(() => statuses(client.text).length === 2, 'a second answer')
  client.socket.destroy()
})

test('stops reading at the limit over HTTP/2, answers, and resets the stream', async () => {
  await using edge = await openBodyEdge()
  const client = await rawHttp2(edge.number)
  client.send(frame(frames.headers, flags.endHeaders, 1, headerBlock('POST', 'x')))
  client.send(frame(frames.data, 0, 1, Buffer.alloc(1001)))
  const resets = () => readFrames(client.received).filter((each) => each.type === frames.reset)
  await client.until(() => resets().length > 0, 'RST_STREAM')
  expect(client.text).toContain('payload_too_large')
  expect(readFrames(client.received).at(-2)).toMatchObject({ type: frames.data, flags: flags.endStream })
  expect(resets().map((each) => [each.stream, each.payload.readUInt32BE()])).toEqual([[1, 0]])
  client.socket.destroy()
})

test('lets trailers follow the answer to a body that was left', async () => {
  await using edge = await openEdge({}, (request, response) => {
    void readBody(request, { bytes: 10, idleMs: 1000 }).catch(() => {
      response.addTrailers({ 'grpc-status': '8' })
      response.end('message')
    })
  })
  const session = connectHttp2(`http://127.0.0.1:${edge.number}`)
  const trailers = Promise.withResolvers<unknown>()
  const send = (stream: ClientHttp2Stream): void => {
    stream.on('trailers', (fields) => trailers.resolve(fields['grpc-status']))
    stream.write(Buffer.alloc(100_000))
  }
  expect(await ask(session, { ':method': 'POST' }, send)).toMatchObject({ status: 200, rstCode: 0 })
  expect(await trailers.promise).toBe('8')
  session.destroy()
})

test.each([chunked, `${chunked}1\r\nx\r\n`])('ends the wait for a body that stops, after %j', async (request) => {
  await using edge = await openBodyEdge({ idleMs: 100 })
  expect(statuses(await exchange(edge.number, request))).toEqual(['408'])
  expect(edge.read).toMatchObject([{ reason: 'request_timeout', details: { timer: 'request_body' } }])
})

async function trickle(write: (piece: string) => void): Promise<void> {
  for (let piece = 0; piece < 6; piece += 1) {
    write('x')
    await sleep(200)
  }
}

test('waits as long as pieces keep coming, over either protocol', async () => {
  await using edge = await openBodyEdge({ idleMs: 1000 })
  const client = await rawClient(edge.number)
  const session = connectHttp2(`http://127.0.0.1:${edge.number}`)
  const slow = ask(
    session,
    { ':method': 'POST' },
    (stream) => void trickle((piece) => stream.write(piece)).then(() => stream.end()),
  )
  client.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n')
  await trickle((piece) => client.send(piece))
  await client.has('xxxxxx')
  expect(await slow).toMatchObject({ status: 200, body: 'xxxxxx' })
  client.socket.destroy()
  session.destroy()
})

test('ends the wait for an HTTP/2 body that stops', async () => {
  await using edge = await openBodyEdge({ idleMs: 100 })
  const session = connectHttp2(`http://127.0.0.1:${edge.number}`)
  const answer = await ask(session, { ':method': 'POST' }, (stream) => stream.write('x'))
  expect(answer).toMatchObject({ status: 408, body: 'request_timeout' })
  session.destroy()
})

test('never takes a body that was cut for a whole one', async () => {
  await using edge = await openBodyEdge()
  const [http1, http2] = [await rawClient(edge.number), await rawHttp2(edge.number)]
  http1.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\npart')
  for (const [id, code] of [
    [1, 0],
    [3, 8],
  ] as const) {
    http2.send(frame(frames.headers, flags.endHeaders, id, headerBlock('POST', 'x')))
    http2.send(frame(frames.data, 0, id, Buffer.from('part')))
    await sleep(30)
    http2.send(frame(frames.reset, 0, id, Buffer.from([0, 0, 0, code])))
  }
  http1.socket.destroy()
  await expect.poll(() => edge.read).toHaveLength(3)
  http2.send(frame(frames.headers, flags.endHeaders, 5, headerBlock('POST', 'x')))
  await sleep(30)
  http2.socket.destroy()
  await expect.poll(() => edge.read).toHaveLength(4)
  for (const outcome of edge.read) expect(outcome).toMatchObject({ reason: 'client_closed' })
})

test('says so when the client had left before the reading began', async () => {
  const outcomes: unknown[] = []
  await using edge = await openEdge({}, (request) => {
    request.once('close', () => {
      readBody(request, { bytes: 9, idleMs: 1000 }).catch((error: unknown) => outcomes.push(error))
    })
  })
  const [http1, http2] = [await rawClient(edge.number), await rawHttp2(edge.number)]
  http1.send(`${chunked}1\r\nx\r\n`)
  http2.send(frame(frames.headers, flags.endHeaders, 1, headerBlock('POST', 'x')))
  await sleep(30)
  http1.socket.destroy()
  http2.socket.destroy()
  await expect.poll(() => outcomes).toMatchObject([{ reason: 'client_closed' }, { reason: 'client_closed' }])
})

test.each(['plain', 'grüße 🚀', '\uFEFFmarked', '\u0000', ''])('decodes %j as it is', (words) => {
  expect(decodeUtf8(Buffer.from(words))).toBe(words)
})

test.each(['ff', 'c328', 'eda080', 'f4908080', '61c0', 'e282'])('refuses the bytes %s, which are not UTF-8', (hex) => {
  expect(() => decodeUtf8(Buffer.from(hex, 'hex'))).toThrow(expect.objectContaining({ reason: 'invalid_request' }))
})
