import type { Socket } from 'node:net'
import type { FloodLimits } from './flood.ts'

/** What a client may take of a port, in bytes and milliseconds. */
export interface PortLimits extends FloodLimits {
  /** The header block of one request. */
  readonly headerBytes: number
  /** From a connection's first moment, or a request's first byte, to the end of its header block. Also the TLS handshake. */
  readonly headersTimeoutMs: number
  /** One HTTP/1 request as a whole, from its first byte to the last of its body. */
  readonly requestTimeoutMs: number
  /** An HTTP/1 connection between requests; an HTTP/2 session without streams. */
  readonly idleMs: number
  /** Streams that one HTTP/2 client may have open. */
  readonly maxConcurrentStreams: number
  /** What an HTTP/2 client may send ahead of our reading, per stream and per connection. */
  readonly windowBytes: number
  /** How long a client may keep its side of a connection open after we closed ours. */
  readonly lingerMs: number
  /** Time that clients have to hear that connections will close, before those that do nothing are closed. */
  readonly noticeMs: number
}

/** One protocol version behind the port: takes connections, and lets go of them when the port drains. */
export interface Protocol {
  /** Serves a connection whose first bytes are readable. */
  accept(socket: Socket): void
  /** Tells clients, now and with every answer to come, that the connection is about to close. Loses nothing. */
  announceDrain(): void
  /** Closes what does nothing; the rest closes itself when its last answer is written. */
  closeIdle(): void
  /** Ends the timers when the last connection is gone. */
  stop(): void
}
