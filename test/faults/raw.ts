import { once } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import { connect, type Socket } from 'node:net'

/** A client that sends exactly the bytes it is given and keeps what comes back. */
export class RawClient {
  readonly socket: Socket
  /** Resolves when the server has closed its side and ours followed. */
  readonly closed: Promise<void>
  received = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
      socket.emit('progress')
    })
  }

  get text(): string {
    return this.received.toString('latin1')
  }

  send(bytes: string | Buffer): void {
    this.socket.write(bytes)
  }

  /** Waits until the text received holds the words. Fails when the connection closes before. */
  async has(words: string): Promise<void> {
    await this.until(() => this.text.includes(words), words)
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    while (!condition()) {
      if (this.socket.destroyed) throw new Error(`closed before ${what}; received: ${this.text}`)
      await Promise.race([once(this.socket, 'progress'), this.closed])
    }
  }
}

/** Connects over cleartext. */
export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return new RawClient(socket)
}

/** Sends the text, and gives everything the server answers until it closes the connection. */
export async function exchange(port: number, request: string | Buffer): Promise<string> {
  const client = await rawClient(port)
  client.send(request)
  await client.closed
  return client.text
}

/** Frame types and flags of HTTP/2 (RFC 9113, 6). */
export const frames = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
}
export const flags = { endStream: 1, acknowledge: 1, endHeaders: 4 }

/** One HTTP/2 frame. */
export function frame(type: number, flagBits: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.byteLength, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flagBits, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** What a client sends first. */
export const opening = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(frames.settings, 0, 0)])

/** A header block: GET or POST of `/` at the authority, by HPACK's static table and one literal. */
export function headerBlock(method: 'GET' | 'POST', authority: string): Buffer {
  const head = [method === 'GET' ? 0x82 : 0x83, 0x86, 0x84, 0x41, authority.length]
  return Buffer.concat([Buffer.from(head), Buffer.from(authority)])
}

interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** The whole frames among the bytes. */
export function readFrames(bytes: Buffer): Frame[] {
  const found: Frame[] = []
  for (let at = 0; at + 9 <= bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3)
    if (end > bytes.length) break
    const [type, flagBits] = [bytes.readUInt8(at + 3), bytes.readUInt8(at + 4)]
    found.push({ type, flags: flagBits, stream: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + 9, end) })
    at = end
  }
  return found
}

/** The GOAWAY frames among the bytes: the last stream each names, and its error code. */
export function goaways(bytes: Buffer): { readonly last: number; readonly code: number }[] {
  return readFrames(bytes)
    .filter((each) => each.type === frames.goaway)
    .map(({ payload }) => ({ last: payload.readUInt32BE(0), code: payload.readUInt32BE(4) }))
}

/** The status codes of the HTTP/1 answers in what one connection received. */
export function statuses(text: string): string[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1] ?? '')
}

/** The JSON body of the only, or last, HTTP/1 answer in the text. */
export function bodyOf(text: string): unknown {
  return JSON.parse(text.slice(text.lastIndexOf('\r\n\r\n') + 4))
}

/** That many buffers in one. */
export function times(count: number, make: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => make(index)))
}

/** A connection whose HTTP/2 opening the server has answered. */
export async function rawHttp2(port: number): Promise<RawClient> {
  const client = await rawClient(port)
  client.send(opening)
  await client.until(() => readFrames(client.received).length > 0, 'SETTINGS')
  return client
}

/** A request of `/` by a raw HTTP/2 client, without a body. */
export function openStream(client: RawClient, id: number, method: 'GET' | 'POST'): void {
  client.send(frame(frames.headers, flags.endHeaders | flags.endStream, id, headerBlock(method, 'x')))
}

/** What an HTTP/2 client got for one request; no status when the stream was reset before there was one. */
export interface Http2Answer {
  readonly status: number | undefined
  readonly body: string
  readonly rstCode: number
}

/** Asks by Node's own client; `send` writes the body, if there is one. */
export async function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  send: (stream: ClientHttp2Stream) => void = (stream) => stream.end(),
): Promise<Http2Answer> {
  const stream = session.request({ ':path': '/', ':authority': 'x', ...headers }, { endStream: false })
  let status: number | undefined
  let body = ''
  stream.on('response', (answer) => (status = answer[':status']))
  stream.on('data', (chunk: Buffer) => (body += chunk.toString()))
  stream.on('error', () => undefined)
  send(stream)
  await new Promise((resolve) => stream.once('close', resolve))
  return { status, body, rstCode: stream.rstCode ?? 0 }
}
