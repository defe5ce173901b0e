import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { badHosts, expectAlive, good, last, openEdge, refusal, write } from './edge.ts'
import {
  bodyOf,
  exchange,
  flags,
  frame,
  frames,
  headerBlock,
  opening,
  rawClient,
  rawHttp2,
  readFrames,
  statuses,
} from './raw.ts'

const goodHosts = [
  'localhost',
  'LOCALHOST:3000',
  '127.0.0.1:80',
  '[::1]:3000',
  'my_service',
  'a.example.',
  'xn--bcher-kva.de',
]

test.each([...badHosts, 'é'])('refuses the Host "%s" and closes', async (host) => {
  await using edge = await openEdge()
  const text = await exchange(edge.number, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  expect(statuses(text)).toEqual(['400'])
  expect(text).toContain('Connection: close')
  expect(bodyOf(text)).toEqual(refusal)
  expect(edge.seen).toEqual([])
  await expectAlive(edge)
})

test.each(goodHosts)('takes the Host "%s", again and again', async (host) => {
  await using edge = await openEdge()
  const request = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const text = await exchange(edge.number, request + request + last)
  expect(statuses(text)).toEqual(['200', '200', '200'])
})

test.each(['Host: a\r\nHost: b\r\n', 'Host: a\r\nX: y\r\nhOST: a\r\n', ''])(
  'refuses other than one Host: %j',
  async (lines) => {
    await using edge = await openEdge()
    const text = await exchange(edge.number, `GET / HTTP/1.1\r\n${lines}\r\n`)
    expect(statuses(text)).toEqual(['400'])
    expect(bodyOf(text)).toEqual(refusal)
    expect(edge.seen).toEqual([])
  },
)

test.each(['//[::zz', '/\\[::zz', 'http://[::zz/', 'http://elsewhere/', '*', 'ftp://x/'])(
  'refuses the target %s',
  async (target) => {
    await using edge = await openEdge()
    const text = await exchange(edge.number, `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`)
    expect(statuses(text)).toEqual(['400'])
    expect(edge.seen).toEqual([])
  },
)

test('takes an absolute target at the same host as its path', async () => {
  await using edge = await openEdge()
  await exchange(edge.number, 'GET http://X:1/a?b HTTP/1.1\r\nHost: x:1\r\nConnection: close\r\n\r\n')
  await exchange(edge.number, 'GET http://x?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  expect(edge.seen).toEqual(['/a?b', '/?b'])
})

test.each([
  ['both lengths', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two lengths', 'Content-Length: 0\r\nContent-Length: 5\r\n\r\n'],
  ['a chunked that is not last', 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
  ['a bare LF', 'X: y\nZ: w\r\n\r\n'],
  ['a space before the colon', 'Content-Length : 0\r\n\r\n'],
  ['a folded line', 'X: y\r\n z\r\n\r\n'],
])('refuses %s, and serves nothing after it', async (_, lines) => {
  await using edge = await openEdge({}, () => undefined)
  const text = await exchange(edge.number, `POST / HTTP/1.1\r\nHost: x\r\n${lines}${good}`)
  expect(statuses(text)).toEqual(['400'])
  expect(text).toContain('connection: close')
  expect(bodyOf(text)).toEqual(refusal)
  expect(edge.seen).toEqual([])
})

test('serves nothing that follows a refused request in the same packet', async () => {
  await using edge = await openEdge()
  const text = await exchange(edge.number, `GET / HTTP/1.1\r\nHost: a b\r\n\r\n${good}`)
  expect(statuses(text)).toEqual(['400'])
  expect(edge.seen).toEqual([])
})

test('answers 431 to a header block over the limit', async () => {
  await using edge = await openEdge()
  const text = await exchange(edge.number, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(17_000)}\r\n\r\n`)
  expect(statuses(text)).toEqual(['431'])
  expect(bodyOf(text)).toEqual(refusal)
})

test('answers 408 when the headers take too long, also on a connection that served before', async () => {
  await using edge = await openEdge({ headersTimeoutMs: 200 })
  expect(statuses(await exchange(edge.number, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '))).toEqual(['408'])
  const text = await exchange(edge.number, `${good}GET / HTTP/1.1\r\nHost`)
  expect(statuses(text)).toEqual(['200', '408'])
  expect(bodyOf(text)).toEqual(refusal)
})

test.each(['', 'PRI * HTTP/2.0\r\n'])('cuts a connection that stops after %j', async (start) => {
  await using edge = await openEdge({ headersTimeoutMs: 100 })
  expect(await exchange(edge.number, start)).toBe('')
})

test('recognises a preface that comes in pieces', async () => {
  await using edge = await openEdge()
  const client = await rawClient(edge.number)
  for (const piece of [opening.subarray(0, 5), opening.subarray(5, 20), opening.subarray(20)]) {
    client.send(piece)
    await sleep(20)
  }
  await client.until(() => readFrames(client.received).length > 0, 'SETTINGS')
  expect(readFrames(client.received)[0]?.type).toBe(frames.settings)
  client.socket.destroy()
})

test('closes a connection that is idle between requests', async () => {
  await using edge = await openEdge({ idleMs: 50 })
  expect(statuses(await exchange(edge.number, good))).toEqual(['200'])
})

test('ends a request whose body never ends', async () => {
  await using edge = await openEdge({ headersTimeoutMs: 200, requestTimeoutMs: 300 }, () => undefined)
  const text = await exchange(edge.number, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc')
  expect(statuses(text)).toEqual(['408'])
})

test('never writes a refusal into an answer that has begun', async () => {
  await using edge = await openEdge({}, (_, response) => write(response, 'part one'))
  const client = await rawClient(edge.number)
  client.send('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.has('part one')
  client.send('not a chunk\r\n')
  await client.closed
  expect(statuses(client.text)).toEqual(['200'])
  expect(client.text).not.toContain('error')
})

test('turns what the handler throws into a 500 and a log line', async () => {
  await using edge = await openEdge({}, () => {
    throw new Error('secret')
  })
  const text = await exchange(edge.number, last)
  expect(statuses(text)).toEqual(['500'])
  expect(text).not.toContain('secret')
  expect(edge.logged).toEqual(['a request handler threw'])
})

test('refuses CONNECT and an unknown expectation, and ignores an upgrade', async () => {
  await using edge = await openEdge()
  expect(await exchange(edge.number, 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('')
  const upgrade = 'Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n'
  expect(statuses(await exchange(edge.number, `GET /up HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`))).toEqual(['200'])
  expect(edge.seen).toEqual(['/up'])
})

test('does not wait for ever for a client that keeps its side of a closed connection open', async () => {
  await using edge = await openEdge()
  const socket = connect({ port: edge.number, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  socket.resume().write('GET / HTTP/1.1\r\nHost: a b\r\n\r\n')
  await once(socket, 'end')
  const talking = setInterval(() => socket.write('more'), 50)
  await new Promise((resolve) => socket.once('close', resolve))
  clearInterval(talking)
})

test('tells the handler at once when its client leaves, over either protocol', async () => {
  const left: string[] = []
  await using edge = await openEdge({}, (request, response) => {
    response.once('close', () => left.push(request.httpVersion))
    write(response, 'part one')
  })
  for (const [client, request] of [
    [await rawClient(edge.number), good],
    [
      await rawHttp2(edge.number),
      frame(frames.headers, flags.endHeaders | flags.endStream, 1, headerBlock('GET', 'x')),
    ],
  ] as const) {
    client.send(request)
    await client.has('part one')
    client.socket.end()
  }
  await expect.poll(() => left).toEqual(['1.1', '2.0'])
})

test('says why a port cannot be opened', async () => {
  await using edge = await openEdge()
  const { port } = edge.port
  await expect(openEdge({}, undefined, { tls: { cert: 'no', key: 'no' } })).rejects.toThrow('PEM')
  const { openPort, portLimits } = await import('../../src/server/port.ts')
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  const again = openPort({ host: '127.0.0.1', port, limits: portLimits, log, handler: () => undefined })
  await expect(again).rejects.toThrow('EADDRINUSE')
})
