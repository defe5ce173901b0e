/** Moments at which a gateway can be killed, as they can be seen from outside of it. */
export const moments = [
  'dispatched',
  'first chunk',
  'last chunk',
  'first byte',
  'acknowledged',
  'starting',
  'started',
] as const

/** One of {@link moments}. */
export type Moment = (typeof moments)[number]

/** Does something the next time that a moment comes. */
export class Points {
  #armed: { readonly moment: Moment; left: number; readonly act: () => void } | undefined

  /** Acts once, when the moment has come so many times. */
  arm(moment: Moment, times: number, act: () => void): void {
    this.#armed = { moment, left: times, act }
  }

  /** Forgets what was armed. */
  disarm(): void {
    this.#armed = undefined
  }

  /** The moment has come. */
  reached(moment: Moment): void {
    const armed = this.#armed
    if (armed?.moment !== moment || --armed.left > 0) return
    this.#armed = undefined
    armed.act()
  }
}
