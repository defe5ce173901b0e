import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from '../provider/contract.ts'
import { plainError, type Guarded } from './guard.ts'
import type { PortLimits, Protocol } from './protocol.ts'

const answer = Symbol('answer')

/** A socket that knows the answer under way on it: a table of them all would be made anew with every few answers. */
interface Answering {
  [answer]?: ServerResponse | undefined
}

function answerOn(socket: Socket & Answering, response: ServerResponse | undefined): void {
  socket[answer] = response
}

function answerOf(socket: Socket & Answering): ServerResponse | undefined {
  return socket[answer]
}

function isAnswering(socket: Socket): boolean {
  return answerOf(socket) !== undefined
}

/**
 * The HTTP/1.1 half of a port. Framing is checked by Node's parser in its strict mode. A connection is closed after an
 * answer when the port drains, or when whoever answered had left the request's body paused: what follows on the
 * connection is then neither read nor served.
 */
export function createHttp1(limits: PortLimits, guarded: Guarded, log: Logger): Protocol {
  const connections = new Set<Socket>()
  /** Connections on which nothing more is served. */
  const closing = new WeakSet<Socket>()
  /** Bytes that each connection had received when the drain began. */
  const received = new Map<Socket, number>()
  let draining = false

  class Answer extends ServerResponse {
    override assignSocket(socket: Socket): void {
      super.assignSocket(socket)
      answerOn(socket, this)
    }

    override detachSocket(socket: Socket): void {
      super.detachSocket(socket)
      answerOn(socket, undefined)
      if (draining) setImmediate(closeUnlessAnswering, socket)
    }

    override writeHead(
      status: number,
      reason?: string | OutgoingHttpHeaders | OutgoingHttpHeader[],
      headers?: OutgoingHttpHeaders | OutgoingHttpHeader[],
    ): this {
      const unread = !this.req.complete
      if (draining || (unread && this.req.isPaused())) {
        this.shouldKeepAlive = false
        closing.add(this.req.socket)
        if (unread) lingerAfterAnswer(this.req)
      }
      return super.writeHead(status, reason as string, headers)
    }
  }

  const closeUnlessAnswering = (socket: Socket) => {
    if (!isAnswering(socket)) socket.destroySoon()
  }

  const server = createServer({
    ServerResponse: Answer,
    insecureHTTPParser: false,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.ceil(Math.min(limits.headersTimeoutMs / 4, 1000)),
    // The guard answers a missing Host, with a body.
    requireHostHeader: false,
  })
  server.on('request', (request, response) => {
    if (!closing.has(request.socket) && !request.socket.writableEnded) guarded.http1(request, response)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (socket.writableEnded) return
    log.debug({ err: error }, 'an HTTP/1 request could not be read')
    const answered = answerOf(socket as Socket)?.headersSent === true
    if (answered || error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
    else socket.end(rawAnswer(error.code))
  })
  // The server never listens itself; this starts the timers that would otherwise start then.
  server.emit('listening')

  return {
    accept(socket) {
      connections.add(socket)
      socket.once('close', () => {
        connections.delete(socket)
        answerOn(socket, undefined)
      })
      server.emit('connection', socket)
    },
    announceDrain() {
      draining = true
      for (const socket of connections) received.set(socket, socket.bytesRead)
    },
    closeIdle() {
      for (const [socket, bytesRead] of received) {
        if (!isAnswering(socket) && socket.bytesRead === bytesRead) socket.destroy()
      }
    },
    stop() {
      server.close()
    },
  }
}

/**
 * Makes the closing after the answer a half-close that reads on and throws away: to close with bytes unread resets the
 * connection, and a client that is still sending would never see the answer.
 */
function lingerAfterAnswer(request: IncomingMessage): void {
  const { socket } = request
  socket.destroySoon = () => {
    request.resume()
    socket.end()
  }
}

const faults: Readonly<Record<string, readonly [status: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the header block is too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Content Too Large', 'the chunk extensions are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request took too long to arrive'],
}

/** A whole answer as bytes, for when there is no request to answer to. */
function rawAnswer(code: string | undefined): string {
  const [status, message] = faults[code ?? ''] ?? ['400 Bad Request', 'the request is not well-formed HTTP/1.1']
  const body = plainError(message)
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`
  return `HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`
}
