import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { postHttp2 } from './client.ts'
import { type FaultyGateway, openGateway, soon } from './gateway.ts'
import { flood, frames, pieces, whole } from './upstream.ts'
import { ways } from './ways.ts'

let gateway: FaultyGateway
const question = (model: string) => ({
  model: `up/${model}`,
  messages: [{ role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text: 'count to four' } } }] }],
})

describe('a client that stops reading', () => {
  beforeAll(async () => {
    gateway = await openGateway({ config: { timeouts: { write: '1s' } } })
    gateway.upstream.answer('flood', flood(64 * 1024 * 1024))
    gateway.upstream.answer('drip', pieces(frames, 'end', 60))
  })
  afterAll(async () => gateway[Symbol.asyncDispose]())

  const billed = { status: 'cancelled', reason: 'client_closed', http_status: 499, estimated: true }

  async function expectCutOff(requestId: string): Promise<void> {
    await gateway.settled(requestId)
    const asked = gateway.upstream.received('flood').find(({ headers }) => headers['x-request-id'] === requestId)
    await soon(asked?.left ?? Promise.reject(new Error('never asked')), 'the end of the upstream call')
    const [line, ...more] = await gateway.settled(requestId)
    expect([line, more]).toEqual([expect.objectContaining(billed), []])
    expect(line?.['output_tokens']).toBeGreaterThan(1000)
  }

  test.concurrent.each(ways)('is cut off, its upstream too, and pays for what was sent ($name)', async (way) => {
    const requestId = randomUUID()
    const client = await stalled(way.path(true), way.body('up/flood', true), requestId)
    await expectCutOff(requestId)
    expect(await rest(client)).not.toContain('[DONE]')
  })

  test.concurrent('is cut off over HTTP/2 as well', async () => {
    const requestId = randomUUID()
    const way = ways[0]
    const asking = postHttp2(gateway.url, '/v1/chat/completions', way?.body('up/flood', true) ?? {}, {
      'x-request-id': requestId,
    })
    expect(await asking.status).toBe(200)
    asking.stall()
    await expectCutOff(requestId)
    asking.end()
  })

  test.concurrent('is cut off in gRPC as well', async () => {
    const requestId = randomUUID()
    const events = gateway.rpc.streamChat(question('flood'), { headers: { 'x-request-id': requestId } })
    const first = await events[Symbol.asyncIterator]().next()
    expect(first.done).toBe(false)
    await expectCutOff(requestId)
  })

  test.concurrent.each([
    ['a whole answer', { ...whole, choices: [{ index: 0, message: { content: 'x'.repeat(24_000_000) } }] }, false],
    [
      'the last event of a stream',
      { choices: [{ index: 0, delta: { content: 'x'.repeat(24_000_000) }, finish_reason: 'stop' }] },
      true,
    ],
  ])('of %s does not hold it for ever', async (_, body, streaming) => {
    const model = `huge-${streaming}`
    gateway.upstream.answer(model, (response) => {
      response.writeHead(200, { 'content-type': streaming ? 'text/event-stream' : 'application/json' })
      response.end(streaming ? `data: ${JSON.stringify(body)}\n\ndata: [DONE]\n\n` : JSON.stringify(body))
    })
    const requestId = randomUUID()
    const client = await stalled('/v1/chat/completions', ways[0]?.body(`up/${model}`, streaming) ?? {}, requestId)
    await gateway.settled(requestId)
    await setTimeout(3000)
    expect((await rest(client)).length).toBeLessThan(24_000_000)
  })

  test('and then reads on may take its time with the next answer', async () => {
    gateway.upstream.answer('large', (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ ...whole, choices: [{ message: { content: 'x'.repeat(12_000_000) } }] }))
    })
    const client = await stalled(
      '/v1/chat/completions',
      ways[0]?.body('up/large', false) ?? {},
      randomUUID(),
      'keep-alive',
    )
    await setTimeout(100)
    let text = ''
    client.setEncoding('latin1')
    client.on('data', (piece: string) => (text = (text + piece).slice(-1000)))
    client.resume()
    await expect.poll(() => text.endsWith('}')).toBe(true)
    const body = JSON.stringify(ways[0]?.body('up/drip', true))
    client.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    await expect.poll(() => text.includes('data: [DONE]')).toBe(true)
    client.destroy()
  })

  test('for less than its time gets everything', async () => {
    const requestId = randomUUID()
    gateway.upstream.answer('some', flood(6 * 1024 * 1024))
    const client = await stalled('/v1/chat/completions', ways[0]?.body('up/some', true) ?? {}, requestId)
    const text = await restSlowly(client)
    expect([text.includes('data: [DONE]'), text.length > 6 * 1024 * 1024]).toEqual([true, true])
  })

  /** A client that asks, and then reads nothing. */
  async function stalled(path: string, body: object, requestId: string, connection = 'close'): Promise<Socket> {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.pause()
    const text = JSON.stringify(body)
    const head = `host: a\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\nx-request-id: ${requestId}`
    socket.write(`POST ${path} HTTP/1.1\r\n${head}\r\nconnection: ${connection}\r\n\r\n${text}`)
    return socket
  }

  async function rest(socket: Socket): Promise<string> {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.resume()
    if (!socket.destroyed) await soon(once(socket, 'close'), 'the end of the connection')
    return Buffer.concat(chunks).toString('latin1')
  }

  /** Reads with pauses, none as long as the timer. */
  async function restSlowly(socket: Socket): Promise<string> {
    const chunks: Buffer[] = []
    let size = 0
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size < 1024 * 1024) return
      size = 0
      socket.pause()
      void setTimeout(80).then(() => socket.resume())
    })
    socket.resume()
    await once(socket, 'close')
    return Buffer.concat(chunks).toString('latin1')
  }
})
