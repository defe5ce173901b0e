import { Buffer } from 'node:buffer'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { fail, GatewayError } from '../error/index.ts'

/** One request to an upstream. */
export interface UpstreamRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Absolute. Its origin must be one the operator configured, unless `sendGuarded` is used. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Instead of `body`: a body in pieces, which are sent one after the other, uncopied, and their length before. */
  readonly pieces?: readonly Uint8Array[]
  readonly signal: AbortSignal
  /** Is told how many bytes of the answer's body came, each time that some did. */
  readonly received?: ((bytes: number) => void) | undefined
}

/** An upstream's answer: its head, and its body as it arrives. Leaving the iteration gives the connection up. */
export interface UpstreamResponse {
  readonly status: number
  /** By lower-case name. */
  header(name: string): string | undefined
  /** What was read since the last step, as one buffer. Throws `provider_interrupted` when the connection breaks. */
  readonly body: AsyncIterable<Buffer>
  /** The rest of the body as text, at most `limit` bytes of it (32 MiB). Throws `provider_error` beyond. */
  text(limit?: number): Promise<string>
}

/** A URL taken apart as a dispatcher wants it. */
export interface Target {
  readonly origin: string
  readonly path: string
}

/** Bytes read ahead of the consumer before the upstream is made to wait. */
const highWater = 256 * 1024
/** How long the end of an answer nobody reads any more may take before its connection is closed instead of reused. */
const drainMs = 500
const defaultTextLimit = 32 * 1024 * 1024

type Headers = Readonly<Record<string, string | string[] | undefined>>

/**
 * One request on a pooled connection: the callbacks that undici drives on one side, an answer that is read in batches on
 * the other. Written out instead of `request()`, because a readable stream per call costs more than the rest of the call.
 */
export class Exchange implements UpstreamResponse, AsyncIterator<Buffer> {
  readonly #head = Promise.withResolvers<UpstreamResponse>()
  status = 0
  #headers: Headers = {}
  #controller: Dispatcher.DispatchController | undefined
  #chunks: Buffer[] = []
  #queued = 0
  #paused = false
  #ended = false
  #left = false
  #error: GatewayError | undefined
  #wake: (() => void) | undefined
  readonly #signal: AbortSignal
  readonly #received: UpstreamRequest['received']
  readonly #onAbort = (): void => this.#abort()

  constructor(dispatcher: Dispatcher, { origin, path }: Target, request: UpstreamRequest) {
    this.#signal = request.signal
    this.#received = request.received
    if (request.signal.aborted) {
      this.#head.reject(reasonOf(request.signal))
      return
    }
    request.signal.addEventListener('abort', this.#onAbort, { once: true })
    const options = {
      origin,
      path,
      method: request.method,
      ...bodyOf(request),
    }
    dispatcher.dispatch({ ...options, headersTimeout: 0, bodyTimeout: 0 }, this)
  }

  /** Settles when the status and headers are here, or never will be. */
  get head(): Promise<UpstreamResponse> {
    return this.#head.promise
  }

  // ---- what undici calls

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#signal.aborted) this.#abort()
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200) return
    this.status = status
    this.#headers = headers
    this.#head.resolve(this)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#received?.(chunk.length)
    if (this.#left) return
    this.#chunks.push(chunk)
    this.#queued += chunk.length
    if (this.#queued > highWater && !this.#paused) {
      this.#paused = true
      controller.pause()
    }
    this.#notify()
  }

  onResponseEnd(): void {
    this.#finish(undefined)
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#finish(
      this.status === 0
        ? connectError(error)
        : fail('provider_interrupted', "the provider's answer broke off", { cause: error }),
    )
  }

  // ---- what the provider reads

  header(name: string): string | undefined {
    const value = this.#headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  get body(): AsyncIterable<Buffer> {
    return { [Symbol.asyncIterator]: () => this }
  }

  async next(): Promise<IteratorResult<Buffer>> {
    if (this.#chunks.length === 0 && !this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve))
    const value = this.#take()
    if (value !== undefined) return { done: false, value }
    if (this.#error !== undefined) throw this.#error
    return { done: true, value: undefined }
  }

  return(): Promise<IteratorResult<Buffer>> {
    this.#leave()
    return Promise.resolve({ done: true, value: undefined })
  }

  async text(limit: number = defaultTextLimit): Promise<string> {
    const chunks: Buffer[] = []
    let size = 0
    for (;;) {
      const step = await this.next()
      if (step.done === true) break
      size += step.value.length
      if (size > limit) {
        this.#leave()
        throw fail('provider_error', "the provider's answer is too large")
      }
      chunks.push(step.value)
    }
    const [only] = chunks
    return (chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks)).toString('utf8')
  }

  // ---- within

  #take(): Buffer | undefined {
    const [only] = this.#chunks
    if (only === undefined) return undefined
    const value = this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks)
    this.#chunks = []
    this.#queued = 0
    if (this.#paused) {
      this.#paused = false
      this.#controller?.resume()
    }
    return value
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  #finish(error: GatewayError | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#error = this.#signal.aborted ? reasonOf(this.#signal) : error
    if (this.#error !== undefined) this.#head.reject(this.#error)
    this.#notify()
  }

  #abort(): void {
    this.#controller?.abort(reasonOf(this.#signal))
    this.#finish(reasonOf(this.#signal))
  }

  /** Nobody reads on: an answer that is about to end is read out so that its connection can be used again, any other is cut. */
  #leave(): void {
    if (this.#ended || this.#left) return
    this.#left = true
    this.#chunks = []
    if (this.#paused) this.#controller?.resume()
    setTimeout(() => {
      if (!this.#ended) this.#controller?.abort(fail('client_closed', 'nobody reads the answer any more'))
    }, drainMs).unref()
  }
}

/** The body as a dispatcher takes it. The length of one in pieces is declared, since many upstreams take no other. */
function bodyOf({ headers, body, pieces }: UpstreamRequest): Pick<Dispatcher.DispatchOptions, 'headers' | 'body'> {
  if (pieces === undefined) return { headers, body: body ?? null }
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  return { headers: { ...headers, 'content-length': String(length) }, body: Readable.from(pieces) }
}

function reasonOf(signal: AbortSignal): GatewayError {
  const reason: unknown = signal.reason
  return reason instanceof GatewayError ? reason : fail('client_closed', 'the call was cancelled', { cause: reason })
}

/** What a connection that did not come about, or broke before an answer, means. */
function connectError(error: Error): GatewayError {
  if (error instanceof GatewayError) return error
  const code = 'code' in error ? error.code : undefined
  if (code === 'UND_ERR_CONNECT_TIMEOUT') {
    return fail('timeout', 'there was no connection to the provider in time (timer: connect)', {
      timer: 'connect',
      cause: error,
    })
  }
  return fail('provider_unreachable', 'the provider could not be reached', { cause: error })
}
