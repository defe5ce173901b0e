import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { until } from '../../test/suites/asking.ts'
import { Session } from './session.ts'

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a connection that no longer answers is replaced once a call on it was given up', async () => {
  const sockets: Socket[] = []
  await using server = createTcpServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {}).resume()
  })
  const session = new Session(await listen(server), { idle: 60_000, ping: 20 })
  const stream = await session.request('POST', '/', {})
  stream.on('error', () => {})
  await until(() => sockets.length === 1)
  await until(() => !stream.pending)
  stream.close(8)
  await until(() => sockets[0]?.closed === true)
  const next = await session.request('POST', '/', {})
  next.on('error', () => {})
  await until(() => sockets.length === 2)
  session.close()
  await until(() => sockets.every((socket) => socket.closed))
})

test('a connection that answers stays when a call on it is given up', async () => {
  let connections = 0
  await using server = createServer()
  server.on('session', () => connections++)
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {})
    if (headers[':path'] === '/answered') stream.respond({ ':status': 204 }, { endStream: true })
  })
  const session = new Session(await listen(server), { idle: 60_000, ping: 2_000 })
  const silent = await session.request('POST', '/silent', {})
  silent.on('error', () => {})
  await until(() => connections === 1 && !silent.pending)
  silent.close(8)
  await once(silent, 'close')
  const answered = await session.request('POST', '/answered', {})
  answered.resume().end()
  await once(answered, 'response')
  expect(connections).toBe(1)
  session.close()
})

test('a connection without calls is closed, and opened again by the next one', async () => {
  let connections = 0
  let open = 0
  await using server = createServer()
  server.on('session', (connection) => {
    connections++
    open++
    connection.on('close', () => open--)
  })
  server.on('stream', (stream: ServerHttp2Stream) => stream.respond({ ':status': 204 }, { endStream: true }))
  const session = new Session(await listen(server), { idle: 50, ping: 2_000 })
  for (const expected of [1, 2]) {
    const stream = await session.request('POST', '/', {})
    stream.resume().end()
    await once(stream, 'close')
    expect(connections).toBe(expected)
    await until(() => open === 0)
  }
  session.close()
})
