import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { good, openEdge, write } from './edge.ts'
import { frames, goaways, openStream, rawClient, rawHttp2, readFrames, statuses } from './raw.ts'

test('resolves once nothing is left, and takes no new connections', async () => {
  await using edge = await openEdge()
  expect(edge.port.draining).toBe(false)
  const drained = edge.port.drain(5000)
  expect(edge.port.draining).toBe(true)
  await expect(rawClient(edge.number)).rejects.toThrow('ECONNREFUSED')
  await drained
  await edge.port.drain(5000)
})

test('closes HTTP/1.1 connections that are idle or silent', async () => {
  await using edge = await openEdge()
  const [idle, silent] = [await rawClient(edge.number), await rawClient(edge.number)]
  idle.send(good)
  await idle.has('ok')
  await edge.port.drain(20_000)
  await Promise.all([idle.closed, silent.closed])
})

test('answers a request that comes in time, and says that it closes', async () => {
  await using edge = await openEdge({ noticeMs: 1000 })
  const [kept, fresh] = [await rawClient(edge.number), await rawClient(edge.number)]
  kept.send(good)
  await kept.has('ok')
  expect(kept.text).toContain('Connection: keep-alive')
  const drained = edge.port.drain(20_000)
  kept.send(good)
  fresh.send(good)
  await drained
  await Promise.all([kept.closed, fresh.closed])
  expect(statuses(kept.text)).toEqual(['200', '200'])
  for (const client of [kept, fresh]) expect(client.text).toContain('Connection: close')
})

test('answers a request whose headers were still arriving', async () => {
  await using edge = await openEdge()
  const client = await rawClient(edge.number)
  client.send('GET / HTTP/1.1\r\n')
  await sleep(50)
  const drained = edge.port.drain(20_000)
  client.send('Host: x')
  await sleep(300)
  client.send('\r\n\r\n')
  await drained
  await client.closed
  expect(statuses(client.text)).toEqual(['200'])
})

test('finishes an HTTP/1.1 stream that began before, then closes its connection', async () => {
  const gate = Promise.withResolvers<void>()
  await using edge = await openEdge({}, (_, response) => {
    write(response, 'begun ')
    void gate.promise.then(() => response.end('finished'))
  })
  const client = await rawClient(edge.number)
  client.send(good)
  await client.has('begun')
  let over = false
  const drained = edge.port.drain(20_000).then(() => (over = true))
  await sleep(300)
  expect([over, client.socket.destroyed]).toEqual([false, false])
  gate.resolve()
  await drained
  await client.closed
  expect(client.text).toContain('finished')
})

test('lets a slow reader have the whole of an answer that was written', async () => {
  const size = 24 * 1024 * 1024
  await using edge = await openEdge({}, (_, response) => void response.end(Buffer.alloc(size, 'x')))
  const client = await rawClient(edge.number)
  client.socket.pause()
  client.send(good)
  await expect.poll(() => edge.seen).toHaveLength(1)
  const drained = edge.port.drain(20_000)
  await sleep(300)
  let received = 0
  client.socket.removeAllListeners('data').on('data', (chunk: Buffer) => (received += chunk.length))
  client.socket.resume()
  await drained
  await client.closed
  expect(received).toBeGreaterThan(size)
})

test('serves new HTTP/2 streams for the time of the notice, then says which was the last', async () => {
  const gate = Promise.withResolvers<void>()
  await using edge = await openEdge({ noticeMs: 1000 }, (request, response) => {
    if (request.method === 'POST') void gate.promise.then(() => response.end('late'))
    else response.end('prompt')
  })
  const client = await rawHttp2(edge.number)
  openStream(client, 1, 'POST')
  await expect.poll(() => edge.seen).toHaveLength(1)
  const drained = edge.port.drain(20_000)
  openStream(client, 3, 'GET')
  await client.has('prompt')
  await client.until(() => goaways(client.received).length > 0, 'GOAWAY')
  expect(goaways(client.received)).toEqual([{ last: 3, code: 0 }])
  openStream(client, 5, 'GET')
  await sleep(50)
  gate.resolve()
  await client.has('late')
  await drained
  await client.closed
  expect(edge.seen).toHaveLength(2)
  expect(readFrames(client.received).filter((each) => each.type === frames.reset)).toEqual([])
})

test('cuts what is left when its time is over', async () => {
  await using edge = await openEdge({}, () => undefined)
  const client = await rawClient(edge.number)
  const session = await rawHttp2(edge.number)
  client.send(good)
  openStream(session, 1, 'GET')
  await expect.poll(() => edge.seen).toHaveLength(2)
  await edge.port.drain(250)
  await Promise.all([client.closed, session.closed])
  expect(edge.logged).toEqual(['drain time is over'])
})
