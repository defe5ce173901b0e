import { isUtf8 } from 'node:buffer'
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
import { type BodyLimits, Intake, type Receiver } from './intake.ts'

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

class BodyReader implements Receiver {
  readonly #request: NodeRequest
  readonly #limits: BodyLimits
  readonly #intake: Intake
  readonly #resolve: (body: Buffer) => void
  readonly #reject: (error: GatewayError) => void
  #chunks: Buffer[] = []
  #size = 0
  /** Bytes as sent, where they are compressed. */
  #received = 0
  #decoder: Decoder | undefined

  constructor(
    request: NodeRequest,
    limits: BodyLimits,
    resolve: (body: Buffer) => void,
    reject: (error: GatewayError) => void,
  ) {
    this.#request = request
    this.#limits = limits
    this.#intake = new Intake(request, limits, this)
    this.#resolve = resolve
    this.#reject = reject
  }

  start(): void {
    if (!this.#intake.check()) return
    const coding = this.#request.headers['content-encoding']
    if (coding !== undefined && coding !== '' && coding !== 'identity') {
      const decoder = createDecoder(coding)
      if (decoder === undefined) return this.#intake.refuse(unknownCoding())
      this.#decode(decoder)
    }
    this.#intake.begin()
  }

  take(chunk: Buffer): void {
    if (this.#decoder === undefined) return this.#collect(chunk)
    this.#received += chunk.length
    if (this.#received > this.#limits.bytes) this.#intake.refuse(this.#intake.tooLarge())
    else this.#decoder.write(chunk)
  }

  end(): void {
    if (this.#decoder === undefined || this.#received === 0) this.#finish()
    else this.#decoder.end()
  }

  /** Lets go of what was read: the request lives on, for as long as its answer. */
  fail(error: GatewayError): void {
    this.#decoder?.destroy()
    this.#chunks = []
    this.#reject(error)
  }

  #decode(decoder: Decoder): void {
    this.#decoder = decoder
    decoder.on('data', (chunk: Buffer) => this.#collect(chunk))
    // A decoder ignores what follows the compressed data, which must not be lost in silence.
    decoder.on('end', () => (decoder.bytesWritten === this.#received ? this.#finish() : this.#intake.refuse(damaged())))
    decoder.on('error', (cause) => this.#intake.refuse(damaged(cause)))
  }

  #collect(chunk: Buffer): void {
    if (!this.#intake.open) return
    this.#size += chunk.length
    if (this.#size > this.#limits.bytes) this.#intake.refuse(this.#intake.tooLarge())
    else this.#chunks.push(chunk)
  }

  #finish(): void {
    if (!this.#intake.finish()) return
    const [only, second] = this.#chunks
    this.#resolve(only !== undefined && second === undefined ? only : Buffer.concat(this.#chunks, this.#size))
    this.#decoder?.destroy()
    this.#chunks = []
  }
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
