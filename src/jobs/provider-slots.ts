/** Lets so many at a time through to each provider; others wait for their turn, first come first served. */
export class ProviderSlots {
  readonly #most: number
  readonly #taken = new Map<string, number>()
  readonly #waiting = new Map<string, (() => void)[]>()

  constructor(most: number) {
    this.#most = most
  }

  /** Resolves when it is one's turn, with what gives the turn to the next. Rejects with the signal's reason when that is aborted before. */
  async take(provider: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    const taken = this.#taken.get(provider) ?? 0
    if (taken < this.#most) this.#taken.set(provider, taken + 1)
    else await this.#turn(provider, signal)
    let isOver = false
    return () => {
      if (!isOver) this.#next(provider)
      isOver = true
    }
  }

  #turn(provider: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.#waiting.get(provider) ?? []
      this.#waiting.set(provider, queue)
      const leave = (): void => {
        queue.splice(queue.indexOf(go), 1)
        reject(signal.reason as Error)
      }
      const go = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      queue.push(go)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  /** The turn goes on to whoever waits longest, or is free. */
  #next(provider: string): void {
    const next = this.#waiting.get(provider)?.shift()
    if (next !== undefined) next()
    else this.#taken.set(provider, (this.#taken.get(provider) ?? 1) - 1)
  }
}
