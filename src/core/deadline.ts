import { fail, type GatewayError, type TimerName } from '../error/index.ts'

/** What the client is told when a timer fires, beside its name. */
const messages = {
  connect: 'there was no connection to the provider in time',
  first_event: 'the provider did not begin to answer in time',
  between_events: 'the provider stopped in the middle of its answer',
  request_body: 'the request body did not arrive in time',
  write: 'the client stopped reading the answer',
  total: 'the call took longer than its deadline allows',
} as const satisfies Record<TimerName, string>

/** The error of a timer that fired, which its message names too: most dialects have no other place for it. */
export function timedOut(timer: TimerName): GatewayError {
  return fail('timeout', `${messages[timer]} (timer: ${timer})`, { timer })
}

/**
 * A watch on one wait at a time. `arm` starts it and `rest` stops it; arming it again for the same wait only moves it on,
 * which costs next to nothing, so that it can be done for every batch of a stream.
 */
export class Watch {
  readonly #fire: (error: GatewayError) => void
  #timer: NodeJS.Timeout | undefined
  #milliseconds = 0
  #name: TimerName = 'total'
  #armed = false

  constructor(fire: (error: GatewayError) => void) {
    this.#fire = fire
  }

  /** Starts, or starts anew, to wait for at most so many milliseconds. */
  arm(name: TimerName, milliseconds: number): void {
    this.#armed = true
    this.#name = name
    if (this.#timer !== undefined && this.#milliseconds === milliseconds) {
      this.#timer.refresh()
      return
    }
    clearTimeout(this.#timer)
    this.#milliseconds = milliseconds
    this.#timer = setTimeout(() => {
      if (this.#armed) this.#fire(timedOut(this.#name))
    }, milliseconds)
  }

  /** The wait is over; the timer stays for the next. */
  rest(): void {
    this.#armed = false
  }

  [Symbol.dispose](): void {
    this.#armed = false
    clearTimeout(this.#timer)
  }
}
