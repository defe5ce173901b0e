import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { answerAfter, answerHttp1Only, badHosts, expectAlive, openEdge, refusal, write } from './edge.ts'
import {
  ask,
  flags,
  frame,
  frames,
  goaways,
  headerBlock,
  openStream,
  type RawClient,
  rawHttp2,
  readFrames,
  times,
} from './raw.ts'

/** Sends the same bytes over and over until the server cuts the connection, or a number of times. */
async function flood(client: RawClient, make: (round: number) => Buffer, rounds: number): Promise<number> {
  let sent = 0
  for (; sent < rounds && !client.socket.destroyed; sent += 1) {
    client.send(make(sent))
    await sleep(1)
  }
  await Promise.race([client.closed, sleep(15_000)])
  return sent
}

test.each(badHosts)('answers 400 to the :authority "%s" and keeps the session', async (authority) => {
  await using edge = await openEdge()
  const session = connectHttp2(`http://127.0.0.1:${edge.number}`)
  session.on('error', () => undefined)
  const refused = await ask(session, { ':authority': authority, host: authority })
  if (refused.status === undefined) expect(refused.rstCode).not.toBe(0)
  else expect([refused.status, JSON.parse(refused.body)]).toEqual([400, refusal])
  expect(edge.seen).toEqual([])
  expect(await ask(session, {})).toMatchObject({ status: 200 })
  session.destroy()
})

test('answers 400 when :authority and host disagree, and to a doubtful :path', async () => {
  await using edge = await openEdge()
  const session = connectHttp2(`http://127.0.0.1:${edge.number}`)
  expect(await ask(session, { ':authority': 'one', host: 'two' })).toMatchObject({ status: 400 })
  expect(await ask(session, { ':path': '//[::zz' })).toMatchObject({ status: 400 })
  expect(edge.seen).toEqual([])
  expect(await ask(session, { ':authority': 'One:1', host: 'one:1' })).toMatchObject({ status: 200 })
  session.destroy()
})

test('resets a stream whose headers are over the limit', async () => {
  await using edge = await openEdge()
  const session = connectHttp2(`http://127.0.0.1:${edge.number}`, { maxSendHeaderBlockLength: 1 << 20 })
  await ask(session, { ':path': '/before' })
  expect(await ask(session, { x: 'y'.repeat(17_000) })).toMatchObject({
    status: undefined,
    rstCode: 11,
  })
  expect(edge.seen).toEqual(['/before'])
  session.destroy()
  await expectAlive(edge)
})

const ping = frame(frames.ping, 0, 0, Buffer.alloc(8))
const settings = frame(frames.settings, 0, 0)

test.each([
  ['PING', ping],
  ['SETTINGS', settings],
])('ends a %s flood with GOAWAY 11', async (_, bytes) => {
  await using edge = await openEdge({ controlFrames: 100 })
  const client = await rawHttp2(edge.number)
  client.send(times(99, () => bytes))
  await client.until(() => readFrames(client.received).length >= 99, 'acknowledgements')
  expect(goaways(client.received)).toEqual([])
  client.send(times(20, () => bytes))
  await client.closed
  expect(goaways(client.received).map((each) => each.code)).toEqual([11])
  expect(edge.logged).toEqual(['an HTTP/2 client sent too many control frames'])
  await expectAlive(edge)
})

test('counts the pings of a client that waits for each answer', async () => {
  await using edge = await openEdge({ controlFrames: 20 })
  const client = await rawHttp2(edge.number)
  const answers = (): number => readFrames(client.received).filter((each) => each.type === frames.ping).length
  for (let sent = 0; sent < 40 && goaways(client.received).length === 0; sent += 1) {
    client.send(ping)
    await client.until(() => answers() > sent || goaways(client.received).length > 0, 'an answer')
  }
  expect(goaways(client.received).map((each) => each.code)).toEqual([11])
  expect(answers()).toBeGreaterThan(15)
})

test('counts control frames anew in each window', async () => {
  await using edge = await openEdge({ controlFrames: 20, windowMs: 50 })
  const client = await rawHttp2(edge.number)
  for (let round = 0; round < 8; round += 1) {
    client.send(times(5, () => ping))
    await sleep(60)
  }
  expect(goaways(client.received)).toEqual([])
  client.socket.destroy()
})

test('cuts a flood from a client that reads nothing', async () => {
  await using edge = await openEdge({}, (_, response) => void response.end(Buffer.alloc(30_000_000)))
  const client = await rawHttp2(edge.number)
  const wide = Buffer.from([0x3f, 0xff, 0, 0])
  client.send(frame(frames.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), wide])))
  client.send(frame(frames.windowUpdate, 0, 0, wide))
  client.socket.pause()
  openStream(client, 1, 'GET')
  await sleep(100)
  client.send(times(200, () => ping))
  await expect.poll(() => edge.logged).toHaveLength(1)
  const left = await Promise.race([edge.port.drain(20_000).then(() => 'closed'), sleep(15_000, 'open')])
  expect(left).toBe('closed')
})

test('lets a client ping once for each piece of an answer, as gRPC does', async () => {
  const pieces = 60
  await using edge = await openEdge({ controlFrames: 20 }, (_, response) => {
    let written = 0
    const writing = setInterval(() => {
      write(response, 'piece')
      written += 1
      if (written < pieces) return
      clearInterval(writing)
      response.end()
    }, 5)
  })
  const client = await rawHttp2(edge.number)
  openStream(client, 1, 'GET')
  const dataFrames = () => readFrames(client.received).filter((each) => each.type === frames.data)
  for (let answered = 0; answered < pieces; answered += 1) {
    await client.until(() => dataFrames().length > answered, 'DATA')
    client.send(ping)
  }
  await client.until(() => dataFrames().some((each) => (each.flags & flags.endStream) !== 0), 'the end')
  expect(goaways(client.received)).toEqual([])
  client.socket.destroy()
})

test('cuts rapid reset', async () => {
  await using edge = await openEdge({}, answerHttp1Only)
  const client = await rawHttp2(edge.number)
  const cancel = Buffer.from([0, 0, 0, 8])
  const open = headerBlock('GET', 'x')
  const attack = (round: number): Buffer =>
    times(100, (index) => {
      const id = (round * 100 + index) * 2 + 1
      return Buffer.concat([frame(frames.headers, 5, id, open), frame(frames.reset, 0, id, cancel)])
    })
  await flood(client, attack, 50)
  expect(client.socket.destroyed).toBe(true)
  expect(edge.seen.length).toBeLessThan(3000)
  await expectAlive(edge)
})

test('cuts a CONTINUATION flood', async () => {
  await using edge = await openEdge()
  const client = await rawHttp2(edge.number)
  client.send(frame(frames.headers, 0, 1, headerBlock('GET', 'x')))
  const field = Buffer.from('\u0000\u0004name\u0008contents', 'latin1')
  await flood(
    client,
    () =>
      frame(
        frames.continuation,
        0,
        1,
        times(60, () => field),
      ),
    500,
  )
  expect(client.socket.destroyed).toBe(true)
  expect(edge.seen).toEqual([])
  await expectAlive(edge)
})

test('cuts a flood of empty DATA', async () => {
  await using edge = await openEdge({}, answerHttp1Only)
  const client = await rawHttp2(edge.number)
  client.send(frame(frames.headers, flags.endHeaders, 1, headerBlock('POST', 'x')))
  await flood(client, () => times(1000, () => frame(frames.data, 0, 1)), 50)
  expect(client.socket.destroyed).toBe(true)
  await expectAlive(edge)
})

test('closes a session without streams, whatever it pings', async () => {
  await using edge = await openEdge({ idleMs: 150 })
  const client = await rawHttp2(edge.number)
  const pinging = setInterval(() => client.send(ping), 20)
  await client.closed
  clearInterval(pinging)
  expect(goaways(client.received).map((each) => each.code)).toContain(0)
})

test('keeps a session that has a quiet stream, and closes it when the stream is over', async () => {
  const gate = Promise.withResolvers<void>()
  await using edge = await openEdge({ idleMs: 60 }, answerAfter(gate.promise))
  const session = connectHttp2(`http://127.0.0.1:${edge.number}`)
  const answer = ask(session, {})
  await sleep(250)
  expect(session.closed).toBe(false)
  gate.resolve()
  expect(await answer).toMatchObject({ status: 200, body: 'late' })
  await once(session, 'close')
})

test('does not die of a stream that is reset at once', async () => {
  await using edge = await openEdge()
  const client = await rawHttp2(edge.number)
  const headers = frame(frames.headers, flags.endHeaders, 1, headerBlock('POST', 'a b'))
  client.send(Buffer.concat([headers, frame(frames.reset, 0, 1, Buffer.from([0, 0, 0, 8]))]))
  await sleep(50)
  client.socket.destroy()
  await expectAlive(edge)
})
