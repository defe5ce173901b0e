import { once } from 'node:events'
import { connect as connectHttp2, type ClientHttp2Session, constants } from 'node:http2'
import { connect, type Socket } from 'node:net'

/** An HTTP/1.1 request as the bytes to send. */
export function httpRequest(path: string, body: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
  return Buffer.from(`${head}${more.join('')}\r\n${body}`)
}

const chunkedEnd = Buffer.from('0\r\n\r\n')
const headEnd = Buffer.from('\r\n\r\n')

/** Tells where one response ends, by its content length or its last chunk. */
class ResponseEnd {
  #seen: Buffer = Buffer.alloc(0)
  #left: number | undefined
  #chunked = false

  /** True when `data` completes the response. Throws for a status that is not 200. */
  take(data: Buffer): boolean {
    if (this.#left === undefined && !this.#chunked) {
      this.#seen = this.#seen.length === 0 ? data : Buffer.concat([this.#seen, data])
      const end = this.#seen.indexOf(headEnd)
      if (end < 0) return false
      const head = this.#seen.toString('latin1', 0, end)
      if (!head.startsWith('HTTP/1.1 200')) throw new Error(`unexpected answer: ${this.#seen.toString().slice(0, 400)}`)
      const length = /content-length: (\d+)/i.exec(head)
      if (length?.[1] === undefined) this.#chunked = true
      else this.#left = Number(length[1])
      return this.#body(this.#seen.subarray(end + 4))
    }
    return this.#body(data)
  }

  #body(data: Buffer): boolean {
    if (this.#chunked) return data.subarray(-5).equals(chunkedEnd)
    this.#left = (this.#left ?? 0) - data.length
    return this.#left <= 0
  }
}

/** Opens a connection. */
export async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  // What breaks a connection shows in the exchange that waits for an answer on it.
  socket.on('error', () => undefined)
  return socket
}

/** Sends `total` requests over `connections` kept-alive connections, one at a time on each, and waits for all answers. */
export async function http1Load(port: number, request: Buffer, total: number, connections: number): Promise<void> {
  const each = Math.ceil(total / connections)
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = await open(port)
      for (let sent = 0; sent < each; sent++) await exchange(socket, request)
      socket.destroy()
    }),
  )
}

/** Microseconds from sending each request to the end of its answer, sent as by {@link http1Load}. */
export async function latencies(port: number, request: Buffer, total: number, connections: number): Promise<number[]> {
  const times: number[] = []
  const each = Math.ceil(total / connections)
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = await open(port)
      for (let sent = 0; sent < each; sent++) {
        const began = performance.now()
        await exchange(socket, request)
        times.push((performance.now() - began) * 1000)
      }
      socket.destroy()
    }),
  )
  return times
}

/** One request and its whole answer. */
export function exchange(socket: Socket, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = new ResponseEnd()
    const settle = (error?: Error): void => {
      socket.off('data', onData)
      socket.off('close', onClose)
      if (error === undefined) resolve()
      else reject(error)
    }
    const onData = (data: Buffer): void => {
      try {
        if (end.take(data)) settle()
      } catch (error) {
        settle(error instanceof Error ? error : new Error(String(error)))
      }
    }
    const onClose = (): void => settle(new Error('the connection was closed'))
    socket.on('data', onData)
    socket.once('close', onClose)
    socket.write(request)
  })
}

/** Sends `total` gRPC calls over a few HTTP/2 connections, `concurrency` at a time, and waits for their trailers. */
export async function grpcLoad(
  port: number,
  path: string,
  message: Uint8Array,
  total: number,
  concurrency: number,
): Promise<void> {
  const frame = Buffer.alloc(5 + message.length)
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, 5)
  const sessions = Array.from({ length: 4 }, () => connectHttp2(`http://127.0.0.1:${port}`))
  const each = Math.ceil(total / concurrency)
  await Promise.all(
    Array.from({ length: concurrency }, async (_, index) => {
      const session = sessions[index % sessions.length]
      if (session === undefined) return
      for (let sent = 0; sent < each; sent++) await grpcCall(session, path, frame)
    }),
  )
  for (const session of sessions) session.close()
}

function grpcCall(session: ClientHttp2Session, path: string, frame: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    let status: unknown
    stream.on('response', (headers) => (status = headers['grpc-status'] ?? status))
    stream.on('trailers', (trailers) => (status = trailers['grpc-status']))
    stream.on('error', reject)
    stream.on('close', () => (status === '0' ? resolve() : reject(new Error(`grpc-status ${String(status)}`))))
    stream.resume()
    stream.end(frame)
  })
}

/** Microseconds from sending each request to the first byte of an event of its answer, one connection, one after the other. */
export async function timesToFirstEvent(port: number, request: Buffer, count: number): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const socket = await open(port)
    const began = process.hrtime.bigint()
    socket.write(request)
    let seen = ''
    for await (const data of socket) {
      seen += String(data)
      if (seen.includes('data:')) break
    }
    times.push(Number(process.hrtime.bigint() - began) / 1000)
    socket.destroy()
  }
  return times
}

/** Opens `count` streams that stay open, and returns when each has its first event. */
export async function idleStreams(port: number, request: Buffer, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let opened = 0; opened < count; opened += 100) {
    const batch = await Promise.all(Array.from({ length: Math.min(100, count - opened) }, () => open(port)))
    await Promise.all(
      batch.map(async (socket) => {
        socket.write(request)
        let seen = ''
        while (!seen.includes('data:')) seen += String((await once(socket, 'data'))[0])
        socket.on('data', () => undefined)
      }),
    )
    sockets.push(...batch)
  }
  return sockets
}
