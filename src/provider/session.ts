import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { fail } from '../error/index.ts'

/** How long a connection may be silent, in milliseconds. */
export interface SessionTimes {
  /** After so long without a call the connection is closed. */
  readonly idle: number
  /** So long it may take to answer a PING. */
  readonly ping: number
}

/**
 * One HTTP/2 connection to one origin, in the form that connect-node asks for: opened by the first request, opened again
 * when it was lost or told to go away, kept alive by nothing. It stands in for connect-node's own manager, which lets an
 * error of a server that speaks no HTTP/2 end the process.
 */
export class Session {
  readonly authority: string
  readonly #times: SessionTimes
  #connection: ClientHttp2Session | undefined
  #closed = false

  constructor(address: string, times: SessionTimes = { idle: 60_000, ping: 5_000 }) {
    this.authority = new URL(address).origin
    this.#times = times
  }

  /** Sends the head of a request. Rejects with `provider_unreachable` once the session is closed. */
  async request(method: string, path: string, headers: OutgoingHttpHeaders): Promise<ClientHttp2Stream> {
    if (this.#closed) throw fail('provider_unreachable', 'the provider is closed')
    const connection = this.#open()
    const stream = connection.request({ ...headers, ':method': method, ':path': path })
    let answered = false
    stream.once('response', () => (answered = true))
    stream.once('close', () => {
      if (!answered) this.#prove(connection)
    })
    return stream
  }

  /** Asked for by connect-node, which tells of every piece it reads. */
  notifyResponseByteRead(): void {}

  /** Ends the connection and every stream on it. */
  close(): void {
    this.#closed = true
    this.#connection?.destroy(undefined, constants.NGHTTP2_CANCEL)
    this.#connection = undefined
  }

  #open(): ClientHttp2Session {
    if (this.#connection && !this.#connection.closed && !this.#connection.destroyed) return this.#connection
    const connection = connect(this.authority)
    const forget = () => {
      if (this.#connection === connection) this.#connection = undefined
    }
    // Every stream is told as well, and that is where a call hears of it. Without a listener it would end the process.
    connection.on('error', forget)
    connection.on('goaway', forget)
    connection.on('close', forget)
    connection.setTimeout(this.#times.idle, () => connection.close())
    this.#connection = connection
    return connection
  }

  /** A call ended without any answer: the connection has to show that it lives, or the next call gets a new one. */
  #prove(connection: ClientHttp2Session): void {
    if (connection.closed || connection.destroyed || connection.connecting) return
    const timer = setTimeout(() => connection.destroy(undefined, constants.NGHTTP2_CANCEL), this.#times.ping)
    connection.ping(() => clearTimeout(timer))
  }
}
