import { constants } from 'node:http2'
import { fail } from '../error/index.ts'
import type { NodeResponse } from './rpc-request.ts'

/** Bytes that leave in one write at most, so that a slow client is seen to make progress. */
const sliceBytes = 64 * 1024

/** Both kinds of response, seen as the few methods that are needed here. */
interface Sink {
  write(chunk: Uint8Array): boolean
  end(chunk?: Uint8Array): unknown
  addTrailers(trailers: Readonly<Record<string, string>>): void
  on(event: 'close', listener: () => void): unknown
  off(event: 'close', listener: () => void): unknown
}

/** Where the end of writing shows: a response of HTTP/2 tells of it only when its stream has closed. */
interface Outlet {
  readonly writableFinished: boolean
  on(event: 'drain' | 'finish', listener: () => void): unknown
  off(event: 'drain' | 'finish', listener: () => void): unknown
}

/**
 * Writes the body of one answer. What is given in one turn of the event loop leaves in one write, and a client that stops
 * reading for longer than `stallMs` is cut off.
 */
export class ResponseWriter {
  readonly #response: NodeResponse
  readonly #sink: Sink
  readonly #outlet: Outlet
  readonly #gone: AbortSignal
  readonly #stallMs: number
  #pending: Uint8Array[] = []
  #size = 0
  #turn: NodeJS.Immediate | undefined
  #sending: Promise<void> | undefined

  constructor(response: NodeResponse, clientGone: AbortSignal, stallMs: number) {
    this.#response = response
    this.#sink = response as Sink
    this.#outlet = 'stream' in response ? response.stream : response
    this.#gone = clientGone
    this.#stallMs = stallMs
  }

  /** Takes a chunk. A promise means that the client is behind, and is to be awaited before the next one. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    this.#pending.push(chunk)
    this.#size += chunk.byteLength
    if (this.#sending !== undefined) return this.#sending
    if (this.#size >= sliceBytes) return this.#send()
    this.#turn ??= setImmediate(() => {
      // A client that is gone is also told by the signal, to whoever writes next.
      this.#send().catch(() => undefined)
    })
    return undefined
  }

  /** Ends the answer with what is pending and the trailers. Resolves when all of it left. Throws `client_closed`. */
  async finish(trailers: Readonly<Record<string, string>>): Promise<void> {
    await this.#sending
    clearImmediate(this.#turn)
    if (this.#size > sliceBytes) await this.#send()
    if (this.#gone.aborted) throw clientClosed()
    this.#sink.addTrailers(trailers)
    const last = this.#take()
    if (last.byteLength === 0) this.#sink.end()
    else this.#sink.end(last)
    if (!this.#outlet.writableFinished) await this.#until('finish')
  }

  #take(): Uint8Array {
    const [only] = this.#pending
    const all = only !== undefined && this.#pending.length === 1 ? only : Buffer.concat(this.#pending, this.#size)
    this.#pending = []
    this.#size = 0
    return all
  }

  #send(): Promise<void> {
    clearImmediate(this.#turn)
    this.#turn = undefined
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = undefined
    })
    return this.#sending
  }

  async #sendAll(): Promise<void> {
    while (this.#size > 0) {
      const bytes = this.#take()
      for (let start = 0; start < bytes.byteLength; start += sliceBytes) {
        if (this.#gone.aborted) throw clientClosed()
        const slice = bytes.subarray(start, start + sliceBytes)
        if (!this.#sink.write(slice)) await this.#until('drain')
      }
    }
  }

  #until(event: 'drain' | 'finish'): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void) => {
        clearTimeout(timer)
        this.#outlet.off(event, reached)
        this.#sink.off('close', closed)
        outcome()
      }
      const reached = () => settle(resolve)
      const closed = () => settle(this.#outlet.writableFinished ? resolve : () => reject(clientClosed()))
      const timer = setTimeout(() => this.#cut(), this.#stallMs)
      this.#outlet.on(event, reached)
      this.#sink.on('close', closed)
    })
  }

  #cut(): void {
    if (!('stream' in this.#response)) this.#response.destroy()
    // One that its client has reset already may still wait for somebody to read its request.
    else if (this.#response.stream.closed) this.#response.stream.destroy()
    else this.#response.stream.close(constants.NGHTTP2_CANCEL)
  }
}

function clientClosed(): Error {
  return fail('client_closed', 'the client left before the answer was complete')
}
