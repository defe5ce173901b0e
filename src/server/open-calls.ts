import type { Cancellable } from '../core/contract.ts'
import type { GatewayError } from '../error/index.ts'

/**
 * The calls that are open, so that a stop can end them. Kept in places that are used again, and not in a `Set`: one that takes
 * in and lets go of something all the time is made anew again and again, and each old one, as long as the garbage collector has
 * not come for it, holds on to the calls that were open then.
 */
export class OpenCalls {
  readonly #calls: (Cancellable | undefined)[] = []
  readonly #free: number[] = []

  /** Takes a call in, and gives the place to give back to `remove`. */
  add(call: Cancellable): number {
    const place = this.#free.pop() ?? this.#calls.length
    this.#calls[place] = call
    return place
  }

  /** Lets go of the call in a place. Once for each `add`. */
  remove(place: number): void {
    this.#calls[place] = undefined
    this.#free.push(place)
  }

  /** Cancels every call that is open. */
  cancel(reason: GatewayError): void {
    for (const call of this.#calls) call?.cancel(reason)
  }
}
