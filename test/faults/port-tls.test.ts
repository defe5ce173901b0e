import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import { expect, test } from 'vitest'
import { selfSigned } from './certificate.ts'
import { good, last, openEdge, type TestEdge } from './edge.ts'
import { ask, exchange, frame, frames, goaways, opening, RawClient, statuses, times } from './raw.ts'

const tls = selfSigned()

async function secure(edge: TestEdge, ...protocols: string[]): Promise<RawClient> {
  const socket = connectTls({
    port: edge.number,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ALPNProtocols: protocols,
  })
  await once(socket, 'secureConnect')
  expect(socket.alpnProtocol).toBe(protocols[0] ?? false)
  return new RawClient(socket)
}

test.each([['http/1.1'], []])('serves HTTP/1.1 by ALPN %s with the same guards', async (...protocols) => {
  await using edge = await openEdge({}, undefined, { tls })
  const client = await secure(edge, ...protocols)
  client.send(last)
  await client.closed
  expect(statuses(client.text)).toEqual(['200'])
  const refused = await secure(edge, ...protocols)
  refused.send(`GET / HTTP/1.1\r\nHost: a b\r\n\r\n${good}`)
  await refused.closed
  expect(statuses(refused.text)).toEqual(['400'])
  const slow = await openEdge({ headersTimeoutMs: 200 }, undefined, { tls })
  await using _ = slow
  const late = await secure(slow, ...protocols)
  late.send('GET / HTTP/1.1\r\nHos')
  await late.closed
  expect(statuses(late.text)).toEqual(['408'])
})

test('serves HTTP/2 by ALPN with the same guards', async () => {
  await using edge = await openEdge({}, undefined, { tls })
  const session = connectHttp2(`https://127.0.0.1:${edge.number}`, { rejectUnauthorized: false })
  expect(await ask(session, {})).toMatchObject({ status: 200 })
  expect(await ask(session, { ':authority': 'x:99999' })).toMatchObject({ status: 400 })
  session.destroy()
  const client = await secure(edge, 'h2')
  client.send(Buffer.concat([opening, times(200, () => frame(frames.ping, 0, 0, Buffer.alloc(8)))]))
  await client.closed
  expect(goaways(client.received).map((each) => each.code)).toEqual([11])
})

test('survives what is not TLS, and a handshake that stops', async () => {
  await using edge = await openEdge({ headersTimeoutMs: 200 }, undefined, { tls })
  await exchange(edge.number, good)
  await exchange(edge.number, Buffer.from([22, 3, 1, 2, 0, 1]))
  const client = await secure(edge, 'http/1.1')
  client.send(last)
  await client.closed
  expect(statuses(client.text)).toEqual(['200'])
})
