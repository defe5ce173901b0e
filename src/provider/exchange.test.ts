import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { fail } from '../error/index.ts'
import { createEgress, type Egress, type UpstreamResponse } from './egress.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

function egress(): Egress {
  const made = createEgress({ connectTimeoutMs: 1000 })
  open.push(made)
  return made
}

async function listen(server: Server | ReturnType<typeof createNetServer>): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/path?query=1`
}

test('sends a body in pieces, of a length that is told before, and hears a refusal before it is sent', async () => {
  const read: { length: string | undefined; body: string }[] = []
  const { url } = await upstream((request, response) => {
    if (Number(request.headers['content-length']) > 1000) {
      response.writeHead(413).end('too much')
      return
    }
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      read.push({ length: request.headers['content-length'], body: Buffer.concat(chunks).toString() })
      response.end('taken')
    })
  })
  const send = (pieces: readonly Uint8Array[]): Promise<UpstreamResponse> =>
    egress().send({ method: 'POST', url, headers: {}, pieces, signal: AbortSignal.timeout(30_000) })
  expect((await send([Buffer.from('one'), Buffer.alloc(0), Buffer.from('two')])).status).toBe(200)
  expect(read).toEqual([{ length: '6', body: 'onetwo' }])
  const refused = await send([Buffer.alloc(20_000_000)])
  expect([refused.status, await refused.text()]).toEqual([413, 'too much'])
})

interface Upstream {
  readonly url: string
  /** Connections that were opened so far, and how many still are. */
  readonly connections: { made: number; open: number }
}

async function upstream(answer: RequestListener): Promise<Upstream> {
  const connections = { made: 0, open: 0 }
  const server = createHttpServer(answer)
  server.on('connection', (socket) => {
    connections.made++
    connections.open++
    socket.on('close', () => connections.open--)
  })
  const url = await listen(server)
  open.push({
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  return { url, connections }
}

/** Answers every connection with these bytes, and then does as told. */
async function rawUpstream(bytes: string, then: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createNetServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write(bytes, () => then(socket)))
  })
  open.push({
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  })
  return listen(server)
}

const never = new AbortController().signal
const post = (through: Egress, url: string, signal = never): Promise<UpstreamResponse> =>
  through.send({ method: 'POST', url, headers: { 'x-a': 'b' }, body: 'question', signal })

async function rest(response: UpstreamResponse): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response.body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('an answer', () => {
  test('has its status, its headers and its body, and the request arrives as it was', async () => {
    const { url } = await upstream((request, response) => {
      response.writeHead(418, { 'X-One': '1', 'set-cookie': ['a', 'b'] })
      request.pipe(response)
      response.write(`${request.method} ${request.url} ${String(request.headers['x-a'])} `)
    })
    const response = await post(egress(), url)
    expect([response.status, response.header('x-one'), response.header('set-cookie'), response.header('none')]).toEqual(
      [418, '1', 'a, b', undefined],
    )
    expect(await response.text()).toBe('POST /path?query=1 b question')
  })

  test('that is whole leaves its connection to the next', async () => {
    const { url, connections } = await upstream((_, response) => response.end('x'.repeat(100_000)))
    const through = egress()
    for (let count = 0; count < 5; count++) expect((await rest(await post(through, url))).length).toBe(100_000)
    // A request in the very moment in which an answer ends finds its connection busy still.
    expect(connections.made).toBeLessThanOrEqual(2)
  })

  test('is not followed to another place', async () => {
    const { url } = await upstream((_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end())
    expect((await post(egress(), url)).status).toBe(302)
  })

  test('before which there were hints has the status of the answer', async () => {
    const { url } = await upstream((_, response) =>
      response.writeEarlyHints({ link: '</x>; rel=preload' }, () => response.end('x')),
    )
    expect((await post(egress(), url)).status).toBe(200)
  })

  test('is as long as the limit at most', async () => {
    const { url } = await upstream((_, response) => response.end('x'.repeat(1000)))
    expect((await (await post(egress(), url)).text(1000)).length).toBe(1000)
    await expect((await post(egress(), url)).text(999)).rejects.toMatchObject({ reason: 'provider_error' })
  })

  test('that is read slowly makes the upstream wait', async () => {
    let written = 0
    const { url } = await upstream((_, response) => {
      const piece = Buffer.alloc(64 * 1024)
      const go = (): void => {
        while (written < 200 * 1024 * 1024 && !response.destroyed) {
          written += piece.length
          if (!response.write(piece)) {
            response.once('drain', go)
            return
          }
        }
        response.end()
      }
      go()
    })
    const leave = new AbortController()
    const response = await post(egress(), url, leave.signal)
    await response.body[Symbol.asyncIterator]().next()
    // However long that takes: at some time nothing more is taken.
    let held: number
    do {
      held = written
      await setTimeout(200)
    } while (written !== held)
    expect(held).toBeLessThan(50 * 1024 * 1024)
    leave.abort(fail('client_closed', 'x'))
  })
})

describe('a connection that breaks', () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n'

  test.each([
    ['nothing', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\ncontent-'],
  ])('after %s is a provider that could not be reached', async (_, bytes) => {
    const url = await rawUpstream(bytes, (socket) => socket.destroy())
    await expect(post(egress(), url)).rejects.toMatchObject({ reason: 'provider_unreachable' })
  })

  test.each([
    ['in a body of known length', `${head}content-length: 100\r\n\r\nhalf`],
    ['in a chunk', `${head}transfer-encoding: chunked\r\n\r\n5\r\nha`],
    ['between chunks', `${head}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n`],
    ['before the last chunk ends', `${head}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n`],
  ])('%s is an interrupted answer', async (_, bytes) => {
    for (const cut of [
      (socket: Socket) => socket.destroy(),
      (socket: Socket) => socket.end(),
      (socket: Socket) => socket.resetAndDestroy(),
    ]) {
      const response = await post(
        egress(),
        await rawUpstream(bytes, (socket) => void setTimeout(20).then(() => cut(socket))),
      )
      await expect(rest(response)).rejects.toMatchObject({ reason: 'provider_interrupted' })
    }
  })

  test.each(['SSH-2.0-x\r\n', 'HTTP/1.1 abc\r\n\r\n', '\u0000\u0000\u0000', `${head}content-length: x\r\n\r\n`])(
    'by speaking no HTTP is a provider that could not be reached (%j)',
    async (bytes) => {
      const url = await rawUpstream(bytes, () => undefined)
      await expect(post(egress(), url)).rejects.toMatchObject({ reason: 'provider_unreachable' })
    },
  )

  test('before it comes about is a provider that could not be reached', async () => {
    const server = createNetServer()
    const url = await listen(server)
    await new Promise((resolve) => server.close(resolve))
    await expect(post(egress(), url)).rejects.toMatchObject({ reason: 'provider_unreachable' })
  })

  test('while it is idle is not noticed by the next request', async () => {
    const { url, connections } = await upstream((request, response) => {
      response.end('x')
      response.on('finish', () => setImmediate(() => request.socket.destroy()))
    })
    const through = egress()
    for (let count = 0; count < 5; count++) {
      expect(await rest(await post(through, url))).toBe('x')
      await expect.poll(() => connections.open, { interval: 1 }).toBe(0)
      // Time for our side to hear of it.
      await setTimeout(20)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(connections.made).toBe(5)
  })
})

describe('a request that is aborted', () => {
  const left = fail('client_closed', 'left')

  test('before it is sent never leaves', async () => {
    const { url, connections } = await upstream((_, response) => response.end())
    await expect(post(egress(), url, AbortSignal.abort(left))).rejects.toBe(left)
    expect(connections.made).toBe(0)
  })

  test('before its answer begins closes the connection', async () => {
    const { url, connections } = await upstream(() => undefined)
    const leave = new AbortController()
    const outcome = expect(post(egress(), url, leave.signal)).rejects.toBe(left)
    await expect.poll(() => connections.made).toBe(1)
    leave.abort(left)
    await outcome
    await expect.poll(() => connections.open).toBe(0)
  })

  test('in the middle of its answer closes the connection and ends the reading', async () => {
    const { url, connections } = await upstream((_, response) => void response.write('half'))
    const leave = new AbortController()
    const response = await post(egress(), url, leave.signal)
    const outcome = expect(rest(response)).rejects.toBe(left)
    await setTimeout(20)
    leave.abort(left)
    await outcome
    await expect.poll(() => connections.open).toBe(0)
  })

  test('for a reason that is none of ours is a client that left', async () => {
    await expect(post(egress(), 'http://127.0.0.1:1/', AbortSignal.abort())).rejects.toMatchObject({
      reason: 'client_closed',
    })
  })

  test('after its end does no harm', async () => {
    const { url, connections } = await upstream((_, response) => response.end('x'))
    const leave = new AbortController()
    const through = egress()
    expect(await rest(await post(through, url, leave.signal))).toBe('x')
    leave.abort(left)
    await setTimeout(20)
    expect(await rest(await post(through, url))).toBe('x')
    expect(connections.made).toBe(1)
  })
})

describe('an answer that nobody reads to its end', () => {
  test('keeps its connection when it ends by itself', async () => {
    const { url, connections } = await upstream((_, response) => {
      response.write('first')
      void setTimeout(30).then(() => response.end('last'))
    })
    const through = egress()
    for (let count = 0; count < 3; count++) {
      for await (const chunk of (await post(through, url)).body) {
        expect(chunk.toString()).toBe('first')
        break
      }
      await setTimeout(60)
    }
    expect(connections.made).toBe(1)
  })

  test('loses it when it goes on', async () => {
    const { url, connections } = await upstream((_, response) => void response.write('first'))
    for await (const chunk of (await post(egress(), url)).body) if (chunk.length > 0) break
    await expect.poll(() => connections.open).toBe(0)
  })
})
