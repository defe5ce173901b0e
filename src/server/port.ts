import { createServer as createPlainServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import type { Logger } from '../provider/contract.ts'
import { guard, type PortHandler } from './guard.ts'
import { createHttp1 } from './http1.ts'
import { createHttp2 } from './http2.ts'
import { awaitPreface } from './preface.ts'
import type { PortLimits, Protocol } from './protocol.ts'

export type { NodeRequest, NodeResponse, PortHandler } from './guard.ts'
export type { PortLimits } from './protocol.ts'

/** Limits that suit a gateway on an open network; see {@link PortLimits} for the meaning of each. */
export const portLimits: PortLimits = {
  headerBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 300_000,
  idleMs: 75_000,
  maxConcurrentStreams: 1000,
  windowBytes: 1024 * 1024,
  controlFrames: 100,
  windowMs: 10_000,
  lingerMs: 5_000,
  noticeMs: 500,
}

/** What {@link openPort} needs. */
export interface PortOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** PEM texts. With them the port speaks TLS only, HTTP/2 and HTTP/1.1 by ALPN; without, cleartext only. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  readonly handler: PortHandler
  readonly limits: PortLimits
  readonly log: Logger
}

/** An open port. */
export interface Port {
  /** The address that is listened on. */
  readonly host: string
  /** The number that is listened on, also when 0 was asked for. */
  readonly port: number
  /** True from the start of {@link drain}. Answers that begin then say `connection: close` by themselves. */
  readonly draining: boolean
  /**
   * Takes no new connections, tells clients to go elsewhere, and resolves when every request is answered and every
   * connection closed; what is left after `graceMs` is cut. Later calls give the promise of the first.
   */
  drain(graceMs: number): Promise<void>
}

/**
 * Listens on one port for HTTP/1.1 and HTTP/2 and hands sound requests to the handler. Hostile connections and malformed
 * requests are answered or cut here; none of them can throw into the process. Rejects when the port cannot be listened
 * on, or the certificate is no good.
 */
export async function openPort(options: PortOptions): Promise<Port> {
  const port = new ListeningPort(options)
  await port.listen()
  return port
}

class ListeningPort implements Port {
  readonly #options: PortOptions
  readonly #http1: Protocol
  readonly #http2: Protocol
  readonly #listener: Server
  readonly #sockets = new Set<Socket>()
  /** Connections that have sent nothing yet. */
  readonly #silent = new Set<Socket>()
  #address: { readonly host: string; readonly port: number }
  #noticeOver = false
  #drained: Promise<void> | undefined

  constructor(options: PortOptions) {
    const guarded = guard(options.handler, options.log)
    this.#options = options
    this.#address = { host: options.host, port: options.port }
    this.#http1 = createHttp1(options.limits, guarded, options.log)
    this.#http2 = createHttp2(options.limits, guarded, options.log)
    this.#listener = options.tls === undefined ? this.#listenPlain() : this.#listenTls(options.tls)
  }

  get host(): string {
    return this.#address.host
  }

  get port(): number {
    return this.#address.port
  }

  get draining(): boolean {
    return this.#drained !== undefined
  }

  listen(): Promise<void> {
    const { host, port, log } = this.#options
    const listener = this.#listener
    return new Promise((resolve, reject) => {
      listener.once('error', reject)
      listener.listen({ host, port, backlog: 1024 }, () => {
        listener.off('error', reject)
        const address = listener.address()
        if (address !== null && typeof address === 'object')
          this.#address = { host: address.address, port: address.port }
        // An accept that fails, such as for want of file descriptors, is reported here and tried again by itself.
        listener.on('error', (error) => log.error({ err: error }, 'a connection could not be accepted'))
        resolve()
      })
    })
  }

  drain(graceMs: number): Promise<void> {
    this.#drained ??= this.#drain(graceMs)
    return this.#drained
  }

  async #drain(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()))
    this.#http1.announceDrain()
    this.#http2.announceDrain()
    const notice = setTimeout(() => this.#closeIdle(), Math.min(this.#options.limits.noticeMs, graceMs))
    const grace = setTimeout(() => this.#cut(), graceMs)
    await closed
    clearTimeout(notice)
    clearTimeout(grace)
    this.#http1.stop()
    this.#http2.stop()
  }

  #closeIdle(): void {
    this.#noticeOver = true
    for (const socket of this.#silent) socket.destroy()
    this.#http1.closeIdle()
    this.#http2.closeIdle()
  }

  #cut(): void {
    if (this.#sockets.size > 0) this.#options.log.warn({ connections: this.#sockets.size }, 'drain time is over')
    for (const socket of this.#sockets) socket.destroy()
  }

  #listenPlain(): Server {
    return createPlainServer({ noDelay: true }, (socket) => {
      this.#keep(socket)
      this.#sortByPreface(socket)
    })
  }

  #listenTls(tls: { readonly cert: string | Buffer; readonly key: string | Buffer }): Server {
    const { limits, log } = this.#options
    const server = createTlsServer({
      ...tls,
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: limits.headersTimeoutMs,
      noDelay: true,
    })
    server.on('connection', (socket) => this.#keep(socket))
    server.on('tlsClientError', (error, socket) => {
      log.debug({ err: error }, 'a TLS handshake failed')
      // Node leaves it open, also when the handshake has timed out.
      socket.destroy()
    })
    server.on('secureConnection', (socket) => this.#sortByProtocol(socket))
    return server
  }

  /** Sees that the connection is known until it closes, that its errors go nowhere, and that it does not stay half closed. */
  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', (error) => this.#options.log.debug({ err: error }, 'a connection failed'))
    socket.on('finish', () => {
      const timer = setTimeout(() => socket.destroy(), this.#options.limits.lingerMs)
      socket.on('close', () => clearTimeout(timer))
    })
  }

  #sortByPreface(socket: Socket): void {
    const settle = () => this.#silent.delete(socket)
    this.#silent.add(socket)
    socket.on('close', settle)
    awaitPreface(socket, this.#options.limits.headersTimeoutMs, (isHttp2) => {
      settle()
      // Over TLS it takes ALPN to speak HTTP/2 (RFC 9113, 3.3); the HTTP/1 parser refuses the preface.
      if (isHttp2 && this.#options.tls === undefined) this.#http2.accept(socket)
      else this.#http1.accept(socket)
    })
  }

  #sortByProtocol(socket: TLSSocket): void {
    this.#keep(socket)
    if (this.#noticeOver) socket.destroy()
    else if (socket.alpnProtocol === 'h2') this.#http2.accept(socket)
    else this.#sortByPreface(socket)
  }
}
