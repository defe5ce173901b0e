import { constants, createServer, type ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Logger } from '../provider/contract.ts'
import { watchControlFrames } from './flood.ts'
import type { Guarded } from './guard.ts'
import type { PortLimits, Protocol } from './protocol.ts'

/**
 * The HTTP/2 half of a port. Node itself cuts rapid reset, CONTINUATION and empty DATA floods; what it lacks is added: a
 * limit on PING and SETTINGS, and an end to sessions without streams. The windows are wider than the 64 KiB of
 * the standard, with which an upload moves no more than that per round trip.
 */
export function createHttp2(limits: PortLimits, guarded: Guarded, log: Logger): Protocol {
  const sessions = new Set<ServerHttp2Session>()
  const { maxConcurrentStreams, windowBytes: initialWindowSize, headerBytes: maxHeaderListSize } = limits
  const server = createServer({ settings: { maxConcurrentStreams, initialWindowSize, maxHeaderListSize } })
  server.on('request', guarded.http2)
  server.on('sessionError', (error) => log.debug({ err: error }, 'an HTTP/2 session failed'))

  const begin = (session: ServerHttp2Session, socket: Socket) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    session.setLocalWindowSize(limits.windowBytes)
    closeWhenIdle(session, limits.idleMs)
    watchControlFrames(session, limits, () => {
      log.warn({ peer: socket.remoteAddress }, 'an HTTP/2 client sent too many control frames')
      cut(session, socket, limits.lingerMs)
    })
  }

  return {
    accept(socket) {
      server.once('session', (session) => begin(session, socket))
      server.emit('connection', socket)
    },
    /**
     * Nothing. The standard has a GOAWAY for this, which excludes no stream (RFC 9113, 6.8), but after any GOAWAY Node
     * drops new streams without a word. So streams are served until `closeIdle`, whose GOAWAY names the last one taken:
     * a client whose stream crosses it knows that it was not looked at, and sends it elsewhere.
     */
    announceDrain() {},
    closeIdle() {
      for (const session of sessions) session.close()
    },
    stop() {
      server.close()
    },
  }
}

/** Ends the session with ENHANCE_YOUR_CALM; by force when the client does not even read that. */
function cut(session: ServerHttp2Session, socket: Socket, lingerMs: number): void {
  session.destroy(new Error('too many control frames'), constants.NGHTTP2_ENHANCE_YOUR_CALM)
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
}

/** Closes the session once it was without streams for `idleMs`, at the latest after twice that. Pings do not count. */
function closeWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let open = 0
  let idleSince = performance.now()
  const streamClosed = () => {
    open -= 1
    idleSince = performance.now()
  }
  session.on('stream', (stream) => {
    open += 1
    stream.once('close', streamClosed)
  })
  const check = () => {
    const left = open > 0 ? idleMs : idleSince + idleMs - performance.now()
    if (left <= 0) session.close()
    else timer = setTimeout(check, left)
  }
  let timer = setTimeout(check, idleMs)
  session.once('close', () => clearTimeout(timer))
}
