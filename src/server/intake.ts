import { constants, type Http2ServerRequest } from 'node:http2'
import { fail, type GatewayError } from '../error/index.ts'
import type { NodeRequest } from './guard.ts'

/** How much of a body is taken, and how long the client may pause in sending it. */
export interface BodyLimits {
  /** Bytes of the body, as sent and as decompressed. */
  readonly bytes: number
  /** Milliseconds between two pieces of the body, and before the first. */
  readonly idleMs: number
}

/** What becomes of a body. Nothing more is told after `end` and `fail`, but that what was taken so far may still be refused. */
export interface Receiver {
  take(chunk: Buffer): void
  /** The last byte is here. */
  end(): void
  /** Called once at most: lets go of what was taken. */
  fail(error: GatewayError): void
}

const answerPollMs = 20

/**
 * Takes the bytes of a request's body as they come, with the timer and the limit that every body has.
 *
 * Fails with `payload_too_large` before reading anything when the declared length says so; `request_timeout` (timer
 * `request_body`) when the client pauses too long; `client_closed` when it left. After the first two, and what else the
 * receiver refuses, the rest of the body is not read: the answer to come closes an HTTP/1 connection and resets an HTTP/2 stream.
 */
export class Intake {
  readonly #request: NodeRequest
  readonly #limits: BodyLimits
  readonly #receiver: Receiver
  #timer: NodeJS.Timeout | undefined
  #arrived = false
  #over = false
  #held = false

  constructor(request: NodeRequest, limits: BodyLimits, receiver: Receiver) {
    this.#request = request
    this.#limits = limits
    this.#receiver = receiver
  }

  /** False once the body was refused, lost or finished. */
  get open(): boolean {
    return !this.#over
  }

  /** False when there is nothing to begin with, which is then told to the receiver. */
  check(): boolean {
    const declared = this.#request.headers['content-length']
    if (isGone(this.#request)) this.#lose()
    else if (declared !== undefined && Number(declared) > this.#limits.bytes) this.refuse(this.tooLarge())
    return !this.#over
  }

  begin(): void {
    const request = this.#request
    const timer = setTimeout(() => (this.#held ? timer.refresh() : this.refuse(this.#tooSlow())), this.#limits.idleMs)
    this.#timer = timer
    request.on('data', (chunk: Buffer) => {
      if (this.#over) return
      timer.refresh()
      this.#receiver.take(chunk)
    })
    request.on('end', () => {
      if (this.#over) return
      if (isCut(request)) return this.#lose()
      clearTimeout(timer)
      this.#arrived = true
      this.#receiver.end()
    })
    request.on('close', () => this.#arrived || this.#lose())
  }

  /** Stops reading for as long as what was read is still in hand. The client's timer waits as well. */
  hold(): void {
    if (this.#held || this.#over || this.#arrived) return
    this.#held = true
    this.#request.pause()
  }

  /** Reads on after a hold. */
  release(): void {
    if (!this.#held || this.#over) return
    this.#held = false
    this.#timer?.refresh()
    this.#request.resume()
  }

  /** Ends the reading, unless it is over already. */
  refuse(error: GatewayError): void {
    if (!this.#settle()) return
    leaveRest(this.#request)
    this.#receiver.fail(error)
  }

  /** Ends the taking of a body of which nothing more is wanted; false when it was over already. */
  finish(): boolean {
    return this.#settle()
  }

  /** What to refuse a body with that is longer than declared. */
  tooLarge(): GatewayError {
    return fail('payload_too_large', `the body is larger than ${this.#limits.bytes} bytes`)
  }

  /** The client left, or the request was read before. */
  #lose(): void {
    if (this.#settle()) this.#receiver.fail(fail('client_closed', 'the client left before its request was complete'))
  }

  /** True the first time. */
  #settle(): boolean {
    if (this.#over) return false
    this.#over = true
    clearTimeout(this.#timer)
    return true
  }

  #tooSlow(): GatewayError {
    const message = `the body paused for more than ${this.#limits.idleMs} ms`
    return fail('request_timeout', message, { timer: 'request_body' })
  }
}

/** Stops reading. Over HTTP/1 the port sees the pause and closes the connection after the answer. */
function leaveRest(request: NodeRequest): void {
  request.pause()
  if ('stream' in request) setTimeout(resetAfterAnswer, answerPollMs, request)
}

/** Resets the stream once the last frame of the answer, which may be its trailers, is out: a reset overtakes it. */
function resetAfterAnswer(request: Http2ServerRequest): void {
  const { stream } = request
  if (stream.destroyed) return
  if (stream.closed || stream.state.localClose === 1) dropRest(request)
  else setTimeout(resetAfterAnswer, answerPollMs, request)
}

/**
 * Resets a stream whose answer is out, and throws away what came of the rest of its request: Node keeps a stream, and its connection,
 * for as long as something of it is unread.
 */
export function dropRest(request: Http2ServerRequest): void {
  request.stream.close(constants.NGHTTP2_NO_ERROR)
  // Whoever waits for more of it would keep it from flowing.
  request.removeAllListeners('readable')
  request.resume()
}

function isGone(request: NodeRequest): boolean {
  return request.readableEnded || ('stream' in request ? request.stream.destroyed : request.destroyed)
}

/** HTTP/2 reports the end of the body also when the stream was reset before it. */
function isCut(request: NodeRequest): boolean {
  return 'stream' in request && request.stream.aborted
}
