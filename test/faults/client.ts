import { once } from 'node:events'
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'

/** An answer, whole. */
export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** An answer that is being read as it arrives. */
export class Reading {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly #message: IncomingMessage
  #ended = false
  text = ''

  constructor(message: IncomingMessage) {
    this.status = message.statusCode ?? 0
    this.headers = message.headers
    this.#message = message
    message.setEncoding('utf8')
    message.on('data', (piece: string) => (this.text += piece))
    message.on('error', () => undefined)
    message.on('close', () => (this.#ended = true))
  }

  /** Waits until the words arrived. Rejects when the answer ends without them. */
  async has(what: string): Promise<void> {
    while (!this.text.includes(what)) {
      if (this.#ended) throw new Error(`the answer ended without ${what}: ${this.text}`)
      await Promise.race([once(this.#message, 'data'), once(this.#message, 'close')])
    }
  }

  /** Everything up to the end, however it ends. */
  async rest(): Promise<string> {
    if (!this.#ended) await new Promise((resolve) => this.#message.once('close', resolve))
    return this.text
  }

  /** True when the server ended the answer as HTTP wants it. */
  get complete(): boolean {
    return this.#message.complete
  }

  /** Closes the connection. */
  leave(): void {
    this.#message.destroy()
  }
}

/** A request that is under way: `leave` closes its connection, answered or not. */
export interface Asking {
  /** Settles when the head of the answer is here. */
  readonly head: Promise<Reading>
  leave(): void
}

/** Sends a JSON body over a connection of its own. `body` is sent as it is when it is text. */
export function post(url: string, body: object | string, headers: Record<string, string> = {}): Asking {
  const sent = httpRequest(url, {
    method: 'POST',
    agent: new Agent({ keepAlive: false }),
    headers: { 'content-type': 'application/json', ...headers },
  })
  const head = new Promise<Reading>((resolve, reject) => {
    sent.once('response', (message: IncomingMessage) => resolve(new Reading(message)))
    sent.on('error', reject)
  })
  head.catch(() => undefined)
  sent.end(typeof body === 'string' ? body : JSON.stringify(body))
  return { head, leave: () => sent.destroy() }
}

/** Sends a JSON body and reads the whole answer. */
export async function ask(
  url: string,
  body: object | string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const payload = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: payload as string,
  })
  return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() }
}

/** One request over HTTP/2 without TLS, on a connection of its own. */
export interface Http2Asking {
  readonly status: Promise<number>
  /** Waits until the words arrived. */
  has(what: string): Promise<void>
  /** Resets the stream, as a client that gave up does. */
  leave(): void
  /** Reads nothing from now on. */
  stall(): void
  /** Resolves when the server or the client closed the stream. */
  readonly closed: Promise<void>
  end(): void
}

/** Sends a JSON body over HTTP/2. */
export function postHttp2(origin: string, path: string, body: object, headers: Record<string, string>): Http2Asking {
  const session = connectHttp2(origin)
  session.on('error', () => undefined)
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json', ...headers })
  stream.on('error', () => undefined)
  const status = once(stream, 'response').then(([head]) => Number((head as Record<string, unknown>)[':status']))
  status.catch(() => undefined)
  const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()))
  let text = ''
  stream.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  stream.end(JSON.stringify(body))
  return {
    status,
    closed,
    async has(what) {
      while (!text.includes(what)) await once(stream, 'data')
    },
    leave: () => stream.close(8),
    stall: () => stream.pause(),
    end: () => session.destroy(),
  }
}
