import { Dispatcher } from 'undici'
import type { Egress } from '../../../src/provider/egress.ts'
import { Exchange, type UpstreamRequest } from '../../../src/provider/exchange.ts'
import type { Answer } from './answer.ts'

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * The far end of a connection: gives the real exchange the head and the pieces of one answer, a piece for each turn of the event
 * loop, as undici would from a socket; and knows when nobody needs it any more.
 */
export class Wire extends Dispatcher {
  readonly #answer: Answer
  #handler: Dispatcher.DispatchHandler | undefined
  #sent = 0
  #paused = false
  #over = false
  /** Turns in which there was nothing to give. */
  idle = 0

  constructor(answer: Answer) {
    super()
    this.#answer = answer
  }

  /** True when the answer was given to its end or given up, so that its connection is free or gone. */
  get released(): boolean {
    return this.#handler === undefined || this.#over
  }

  /** Everything that was given so far. */
  get given(): Buffer {
    return Buffer.concat(this.#answer.pieces.slice(0, this.#sent))
  }

  /** The way out for a provider: whatever it asks for, this answer is what comes back. */
  egress(): Egress {
    const to = { origin: 'http://upstream.invalid', path: '/' }
    const send = (request: UpstreamRequest) => new Exchange(this, to, request).head
    return { send, sendGuarded: send, close: () => Promise.resolve() }
  }

  override dispatch(_options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.#handler = handler
    handler.onRequestStart?.(this.#controller, undefined)
    if (!this.#over) void this.#play(handler)
    return true
  }

  async #play(handler: Dispatcher.DispatchHandler): Promise<void> {
    const { status, headers, pieces, ending } = this.#answer
    await turn()
    if (!this.#over) handler.onResponseStart?.(this.#controller, status, headers)
    while (!this.#over) {
      await turn()
      const piece = pieces[this.#sent]
      if (this.#over) return
      if (this.#paused || (piece === undefined && ending === 'stall')) this.idle++
      else if (piece !== undefined) {
        this.#sent++
        handler.onResponseData?.(this.#controller, Buffer.from(piece))
      } else this.#end(handler, ending)
      if (this.idle > patience) return
    }
  }

  #end(handler: Dispatcher.DispatchHandler, ending: Answer['ending']): void {
    this.#over = true
    if (ending === 'break') handler.onResponseError?.(this.#controller, new Error('other side closed'))
    else handler.onResponseEnd?.(this.#controller, {})
  }

  readonly #controller = this.#control()

  #control(): Dispatcher.DispatchController {
    const isPaused = () => this.#paused
    const isOver = () => this.#over
    return {
      get aborted() {
        return isOver()
      },
      get paused() {
        return isPaused()
      },
      reason: null,
      pause: () => void (this.#paused = true),
      resume: () => void (this.#paused = false),
      abort: (reason) => {
        if (this.#over) return
        this.#over = true
        this.#handler?.onResponseError?.(this.#controller, reason)
      },
    }
  }
}

/** Turns of the event loop in which nothing happens, after which nothing will. */
export const patience = 300
