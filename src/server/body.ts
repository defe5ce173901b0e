import { isUtf8 } from 'node:buffer'
import { constants, type ServerHttp2Stream } from 'node:http2'
import {
  type BrotliDecompress,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  type Gunzip,
  type Inflate,
} from 'node:zlib'
import { fail, type GatewayError } from '../error/index.ts'
import type { NodeRequest } from './guard.ts'

/** How much of a body is taken, and how long the client may pause in sending it. */
export interface BodyLimits {
  /** Bytes of the body, as sent and as decompressed. */
  readonly bytes: number
  /** Milliseconds between two pieces of the body, and before the first. */
  readonly idleMs: number
}

const answerPollMs = 20

/**
 * Reads a whole body, decompressing gzip, deflate and br. A body that came in one piece is given as it came, uncopied.
 *
 * Throws `payload_too_large`, before reading anything when the declared length says so and otherwise at the limit;
 * `request_timeout` (timer `request_body`) when the client pauses too long; `unsupported_media_type` for another content
 * coding; `invalid_request` for broken compression; `client_closed` when the client left. After the first four, the rest
 * of the body is not read: the answer to come closes an HTTP/1 connection and resets an HTTP/2 stream.
 */
export function readBody(request: NodeRequest, limits: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => new BodyReader(request, limits, resolve, reject).start())
}

/** The bytes as text. Throws `invalid_request` when they are not UTF-8, which is never repaired. */
export function decodeUtf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw fail('invalid_request', 'the body is not valid UTF-8')
  return bytes.toString('utf8')
}

class BodyReader {
  readonly #request: NodeRequest
  readonly #limits: BodyLimits
  readonly #resolve: (body: Buffer) => void
  readonly #reject: (error: GatewayError) => void
  #chunks: Buffer[] = []
  #size = 0
  #timer: NodeJS.Timeout | undefined
  #decoder: Decoder | undefined
  /** The last byte is here. */
  #arrived = false
  #settled = false

  constructor(
    request: NodeRequest,
    limits: BodyLimits,
    resolve: (body: Buffer) => void,
    reject: (error: GatewayError) => void,
  ) {
    this.#request = request
    this.#limits = limits
    this.#resolve = resolve
    this.#reject = reject
  }

  start(): void {
    const { 'content-length': declared, 'content-encoding': coding } = this.#request.headers
    if (isGone(this.#request)) return this.#lose()
    if (declared !== undefined && Number(declared) > this.#limits.bytes) return this.#refuse(this.#tooLarge())
    if (coding === undefined || coding === '' || coding === 'identity') return this.#read()
    const decoder = createDecoder(coding)
    if (decoder === undefined) return this.#refuse(unknownCoding())
    this.#decode(decoder)
  }

  #read(): void {
    this.#listen(
      (chunk) => this.#collect(chunk),
      () => this.#finish(),
    )
  }

  #decode(decoder: Decoder): void {
    let received = 0
    this.#decoder = decoder
    decoder.on('data', (chunk: Buffer) => this.#collect(chunk))
    // A decoder ignores what follows the compressed data, which must not be lost in silence.
    decoder.on('end', () => (decoder.bytesWritten === received ? this.#finish() : this.#refuse(damaged())))
    decoder.on('error', (cause) => this.#refuse(damaged(cause)))
    this.#listen(
      (chunk) => {
        received += chunk.length
        if (received > this.#limits.bytes) this.#refuse(this.#tooLarge())
        else decoder.write(chunk)
      },
      () => (received === 0 ? this.#finish() : decoder.end()),
    )
  }

  #listen(take: (chunk: Buffer) => void, end: () => void): void {
    const request = this.#request
    const timer = setTimeout(() => this.#refuse(this.#tooSlow()), this.#limits.idleMs)
    this.#timer = timer
    request.on('data', (chunk: Buffer) => {
      if (this.#settled) return
      timer.refresh()
      take(chunk)
    })
    request.on('end', () => {
      if (this.#settled) return
      if (isCut(request)) return this.#lose()
      clearTimeout(timer)
      this.#arrived = true
      end()
    })
    request.on('close', () => this.#arrived || this.#lose())
  }

  #collect(chunk: Buffer): void {
    if (this.#settled) return
    this.#size += chunk.length
    if (this.#size > this.#limits.bytes) this.#refuse(this.#tooLarge())
    else this.#chunks.push(chunk)
  }

  #finish(): void {
    const [only, second] = this.#chunks
    const body = only !== undefined && second === undefined ? only : Buffer.concat(this.#chunks, this.#size)
    if (this.#settle()) this.#resolve(body)
  }

  /** The client left, or the request was read before. */
  #lose(): void {
    if (this.#settle()) this.#reject(fail('client_closed', 'the client left before its request was complete'))
  }

  #refuse(error: GatewayError): void {
    if (!this.#settle()) return
    leaveRest(this.#request)
    this.#reject(error)
  }

  /** True the first time. Lets go of what was read: the request lives on, for as long as its answer. */
  #settle(): boolean {
    if (this.#settled) return false
    this.#settled = true
    clearTimeout(this.#timer)
    this.#decoder?.destroy()
    this.#chunks = []
    return true
  }

  #tooLarge(): GatewayError {
    return fail('payload_too_large', `the body is larger than ${this.#limits.bytes} bytes`)
  }

  #tooSlow(): GatewayError {
    const message = `the body paused for more than ${this.#limits.idleMs} ms`
    return fail('request_timeout', message, { timer: 'request_body' })
  }
}

/** Stops reading. Over HTTP/1 the port sees the pause and closes the connection after the answer. */
function leaveRest(request: NodeRequest): void {
  request.pause()
  if (!('stream' in request)) return
  const { stream } = request
  stream.once('finish', () => setImmediate(resetAfterAnswer, stream))
}

/** Resets the stream once the last frame of the answer, which may be its trailers, is out: a reset overtakes it. */
function resetAfterAnswer(stream: ServerHttp2Stream): void {
  if (stream.destroyed) return
  if (stream.state.localClose === 1) stream.close(constants.NGHTTP2_NO_ERROR)
  else setTimeout(resetAfterAnswer, answerPollMs, stream)
}

function isGone(request: NodeRequest): boolean {
  return request.readableEnded || ('stream' in request ? request.stream.destroyed : request.destroyed)
}

/** HTTP/2 reports the end of the body also when the stream was reset before it. */
function isCut(request: NodeRequest): boolean {
  return 'stream' in request && request.stream.aborted
}

type Decoder = Gunzip | Inflate | BrotliDecompress

const decoding = { chunkSize: 64 * 1024 }

function createDecoder(coding: string): Decoder | undefined {
  switch (coding.toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(decoding)
    case 'deflate':
      return createInflate(decoding)
    case 'br':
      return createBrotliDecompress(decoding)
    default:
      return undefined
  }
}

function unknownCoding(): GatewayError {
  return fail('unsupported_media_type', 'the content-encoding must be gzip, deflate, br or identity')
}

function damaged(cause?: unknown): GatewayError {
  return fail('invalid_request', 'the compressed body is damaged', { cause })
}
