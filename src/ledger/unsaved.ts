/** A settlement on its way to the disk, and who waits for it. */
export interface Settle {
  /** Of its intent; 0 when there was none, less than 0 for the key of one that an earlier process left behind. */
  readonly number: number
  readonly text: string
  /** Empty when none is kept. */
  readonly content: string
  /** False: when it cannot be written it is let go. */
  readonly isKept: boolean
  /** The text to write when it could not be written at first, and whoever waited has been told so. */
  readonly late?: (() => string) | undefined
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Milliseconds between tries while nothing can be written. */
const retryAfter = 500

/** Most settlements that are tried again together. */
const mostAtOnce = 200

/** For whoever waits for nothing. */
export const nobody = (): void => undefined

/**
 * Settlements that could not be written. They are tried again until they can be: one after a failure, since there may be room for
 * one, and then ever more together.
 */
export class Unsaved {
  readonly #write: (entry: Settle) => void
  #entries: Settle[] = []
  #atOnce = 1
  #timer: NodeJS.Timeout | undefined

  /** `write` tries one of them again; it is kept anew when that fails. */
  constructor(write: (entry: Settle) => void) {
    this.#write = write
  }

  /** How many there are. */
  get size(): number {
    return this.#entries.length
  }

  /** Tells whoever waits for the settlement that it is not durable, and keeps it. */
  keep(entry: Settle, error: Error): void {
    entry.reject(error)
    this.#atOnce = 1
    if (!entry.isKept) return
    const { late, text } = entry
    this.#entries.push({ ...entry, text: late?.() ?? text, late: undefined, resolve: nobody, reject: nobody })
    this.#retryIn(retryAfter)
  }

  /** Something could be written: then there may be room for more. */
  encourage(): void {
    if (this.#entries.length === 0) return
    this.#atOnce = Math.min(mostAtOnce, 2 * this.#atOnce)
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#retryIn(0)
  }

  /** Tries all of them once more, and then no more by itself. */
  finish(): void {
    clearTimeout(this.#timer)
    this.#atOnce = Infinity
    this.#retry()
  }

  #retryIn(milliseconds: number): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#retry()
      if (this.#entries.length > 0) this.#retryIn(retryAfter)
    }, milliseconds)
    this.#timer.unref()
  }

  #retry(): void {
    for (const entry of this.#entries.splice(0, this.#atOnce)) this.#write(entry)
  }
}
