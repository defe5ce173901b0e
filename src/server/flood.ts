import type { ServerHttp2Session } from 'node:http2'

/** How many control frames a client may send on one connection, and in which time. */
export interface FloodLimits {
  /** PING and SETTINGS frames per window. */
  readonly controlFrames: number
  /** Milliseconds. */
  readonly windowMs: number
}

/** Bytes that acknowledge one frame: nine of header, and for a ping its eight. */
const acknowledgement = { ping: 17, settings: 9 }

/**
 * Counts the PING and SETTINGS frames of a session and calls `onFlood` when there are more than the limit in one window:
 * each costs its sender nothing and makes us answer, and Node has no limit of its own.
 *
 * A ping is free when something other than acknowledgements was sent to the client since its last ping. gRPC clients
 * measure the connection that way, one ping for each read of a stream, far over any limit that would stop a flood.
 */
export function watchControlFrames(session: ServerHttp2Session, limits: FloodLimits, onFlood: () => void): void {
  let count = 0
  let windowEnd = 0
  let acknowledged = 0
  let answered = 0
  const record = () => {
    const now = performance.now()
    if (now >= windowEnd) {
      windowEnd = now + limits.windowMs
      count = 0
    }
    count += 1
    if (count > limits.controlFrames) onFlood()
  }
  session.on('remoteSettings', () => {
    acknowledged += acknowledgement.settings
    record()
  })
  session.on('ping', () => {
    const sent = session.socket.bytesWritten - acknowledged
    acknowledged += acknowledgement.ping
    if (sent <= answered) return record()
    answered = sent
  })
}
