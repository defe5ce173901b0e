import { once } from 'node:events'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ask, post } from '../faults/client.ts'
import { type FaultyGateway, openGateway, soon } from '../faults/gateway.ts'
import { type Answer, delta, frames, pieces, said, well, whole } from '../faults/upstream.ts'
import { type Way, ways } from '../faults/ways.ts'
import { saying } from './gateway.ts'

const opened = (drainSeconds: number): Promise<FaultyGateway> =>
  openGateway({ config: { server: { drain_seconds: drainSeconds } } })

/** Begins the stop, and gives what ends with it. Nobody may call the gateway after it. */
function stop(gateway: FaultyGateway): Promise<unknown> {
  return Promise.resolve(gateway[Symbol.asyncDispose]())
}

/** Waits until new connections are refused. */
async function refusing({ url }: FaultyGateway): Promise<void> {
  await expect.poll(() => fetch(url).then(() => 'answered', refusalOf)).toBe('ECONNREFUSED')
}

function refusalOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(error)
}

/** Answers half at once and the rest when the gate opens. */
function halfUntil(gate: Promise<void>): Answer {
  return async (response, { streaming }) => {
    response.writeHead(200, { 'content-type': streaming ? 'text/event-stream' : 'application/json' })
    response.write(streaming ? frames.slice(0, 2).join('') : ' ')
    await gate
    response.end(streaming ? frames.slice(2).join('') : JSON.stringify(whole))
  }
}

/** What the stop is called where a stream is ended by it. */
const shutDown: Readonly<Record<string, string>> = {
  openai: 'shutting_down',
  platform: 'UNAVAILABLE',
  scaigrid: 'backend_unavailable',
  sgp: '',
}

const begin = (gateway: FaultyGateway, way: Way, streaming: boolean): ReturnType<typeof post> =>
  post(gateway.url + way.path(streaming), way.body('up/half', streaming))

describe('a stop', () => {
  test('lets what is open finish within the drain time, and takes nothing new', async () => {
    const gateway = await opened(10)
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    gateway.upstream.answer('half', halfUntil(gate))
    const streams = await Promise.all(ways.map(async (way) => ({ way, reading: await begin(gateway, way, true).head })))
    const wholes = ways.map((way) => begin(gateway, way, false))
    await Promise.all(streams.map(({ reading }) => reading.has('one ')))
    await expect.poll(() => gateway.upstream.received('half').length).toBe(2 * ways.length)

    const stopped = stop(gateway)
    await refusing(gateway)
    open()
    for (const { way, reading } of streams) {
      const stream = await reading.rest()
      expect([way.name, way.said(stream), way.stopped(stream)]).toEqual([way.name, said, true])
    }
    for (const asking of wholes) {
      const reading = await asking.head
      expect([reading.status, await reading.rest()]).toEqual([200, expect.stringContaining(said)])
    }
    await soon(stopped, 'the end')
  })

  test("ends what does not finish with the dialect's own error", async () => {
    const gateway = await opened(1)
    gateway.upstream.answer('half', halfUntil(new Promise(() => undefined)))
    const streams = await Promise.all(ways.map(async (way) => ({ way, reading: await begin(gateway, way, true).head })))
    await Promise.all(streams.map(({ reading }) => reading.has('two ')))
    const wholes = ways.map((way) => ({ way, asking: begin(gateway, way, false) }))
    await expect.poll(() => gateway.upstream.received('half').length).toBe(2 * ways.length)

    const stopped = stop(gateway)
    for (const { way, reading } of streams) {
      const stream = await reading.rest()
      const told = [way.said(stream), way.failure(stream)?.code, way.stopped(stream), reading.complete]
      expect([way.name, ...told]).toEqual([way.name, 'one two ', shutDown[way.name], false, true])
    }
    for (const { way, asking } of wholes) {
      const reading = await asking.head
      const body = await reading.rest()
      expect([way.name, reading.status, way.code(body)]).toEqual([way.name, 503, shutDown[way.name]])
    }
    await stopped
    expect(gateway.allSettled().map(({ reason }) => reason)).toEqual(streams.concat(streams).map(() => 'shutting_down'))
    for (const { left } of gateway.upstream.received('half')) await soon(left, 'leaving the upstream')
  })

  test('is told by the readiness on connections that are still there, and by nothing else', async () => {
    const gateway = await opened(5)
    gateway.upstream.answer('held', pieces([delta('one ')], 'hang'))
    const session = connect(gateway.url)
    const get = async (path: string): Promise<[unknown, string]> => {
      const stream = session.request({ ':path': path }).end()
      const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
      return [head[':status'], await text(stream)]
    }
    expect(await get('/readyz')).toEqual([200, '{"status":"ok"}'])
    const held = await post(`${gateway.url}/v1/chat/completions`, {
      model: 'up/held',
      messages: saying('x'),
      stream: true,
    }).head
    const stopped = stop(gateway)
    // All at once: the session is closed soon.
    expect(await Promise.all([get('/readyz'), get('/healthz'), get('/livez')])).toEqual([
      [503, '{"status":"stopping"}'],
      [503, '{"status":"stopping"}'],
      [200, '{"status":"ok"}'],
    ])
    await refusing(gateway)
    held.leave()
    await soon(stopped, 'the end')
    session.destroy()
  })

  test.each([
    ['HTTP/1.1', askByHttp1],
    ['HTTP/2', askByHttp2],
  ])('loses no call over %s that comes while it drains', async (_how, open) => {
    const gateway = await opened(5)
    gateway.upstream.answer('well', (response, request) => setTimeout(15).then(() => well(response, request)))
    const refused: string[] = []
    const answered: string[] = []
    /** Asks one after the other, until it is refused. */
    const client = async (name: number): Promise<void> => {
      await using line = open(gateway)
      for (let turn = 0; refused.every((id) => !id.startsWith(`${name}-`)); turn++) {
        const id = `${name}-${turn}`
        const answer = await line.ask(id).catch(() => undefined)
        if (answer === undefined) refused.push(id)
        else {
          expect([answer.status, answer.text]).toEqual([200, expect.stringContaining(said)])
          answered.push(id)
        }
      }
    }
    const clients = Promise.all(Array.from({ length: 6 }, (_each, name) => client(name)))
    await expect.poll(() => answered.length).toBeGreaterThan(20)
    const before = answered.length
    const stopped = stop(gateway)
    await clients
    await soon(stopped, 'the end')
    // Whoever was refused was refused before anything was done for it, so that it can be sent elsewhere.
    const asked = gateway.upstream.received('well').map(({ headers }) => headers['x-request-id'])
    expect(new Set(asked)).toEqual(new Set(answered))
    expect(asked).toHaveLength(answered.length)
    expect(refused).toHaveLength(6)
    expect(answered.length).toBeGreaterThan(before)
  })
})

/** A client that asks the same thing again and again. */
interface Line extends AsyncDisposable {
  ask(id: string): Promise<{ readonly status: number; readonly text: string }>
}

const path = '/v1/chat/completions'
const question = { model: 'up/well', messages: saying('x') }

/** Connections are kept and used again, as fetch does it. */
function askByHttp1({ url }: FaultyGateway): Line {
  return {
    ask: (id) => ask(url + path, question, { 'x-request-id': id }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** One session for all, and a new one when it is told to go away. */
function askByHttp2({ url }: FaultyGateway): Line {
  const open = (): ReturnType<typeof connect> => {
    const made = connect(url)
    made.on('error', () => undefined)
    return made
  }
  let session = open()
  return {
    async ask(id) {
      if (session.closed || session.destroyed) session = open()
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/json',
        'x-request-id': id,
      })
      stream.end(JSON.stringify(question))
      const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
      return { status: Number(head[':status']), text: await text(stream) }
    },
    async [Symbol.asyncDispose]() {
      session.destroy()
    },
  }
}
