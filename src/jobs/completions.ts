import { asGatewayError } from '../error/index.ts'
import type { Logger } from '../provider/contract.ts'
import type { BatchStore, Completion } from '../store/contract.ts'
import { unwritable } from './problems.ts'

/** Milliseconds before outcomes are written again that the store did not take. */
const retryMs = 500

/** Most outcomes of one transaction. */
const mostAtOnce = 50

interface Waiting {
  readonly completion: Completion
  readonly resolve: (written: boolean) => void
}

/**
 * Writes what came of lines: those that come while others are being written go together. What the store does not take is kept and
 * tried again until it does, or until it is too late since another has taken the line over.
 */
export class Completions {
  readonly #store: Pick<BatchStore, 'complete'>
  readonly #log: Logger
  #waiting: Waiting[] = []
  #writing = false
  #gaveUp = false

  constructor(store: Pick<BatchStore, 'complete'>, log: Logger) {
    this.#store = store
    this.#log = log
  }

  /** Resolves with true when it is written, with its row; with false when it never will be. */
  write(completion: Completion): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.push({ completion, resolve })
      void this.#run()
    })
  }

  /** From now on what the store does not take is not tried again. */
  giveUp(): void {
    this.#gaveUp = true
  }

  async #run(): Promise<void> {
    if (this.#writing) return
    this.#writing = true
    while (this.#waiting.length > 0) {
      const some = this.#waiting.splice(0, mostAtOnce)
      if (!(await this.#write(some))) await new Promise((resolve) => setTimeout(resolve, retryMs))
    }
    this.#writing = false
  }

  /** False: the store takes nothing just now. */
  async #write(some: readonly Waiting[]): Promise<boolean> {
    try {
      const written = await this.#store.complete(
        some.map(({ completion }) => completion),
        Date.now(),
      )
      for (const [index, { resolve }] of some.entries()) resolve(written[index] === true)
      return true
    } catch (thrown) {
      return await this.#failed(some, thrown)
    }
  }

  async #failed(some: readonly Waiting[], thrown: unknown): Promise<boolean> {
    const error = asGatewayError(thrown)
    const [only] = some
    if (error.reason === 'store_unavailable' && !this.#gaveUp) {
      this.#waiting.unshift(...some)
      return false
    }
    if (error.reason !== 'store_unavailable' && some.length > 1) {
      // One of them is to blame; the others shall not suffer for it.
      for (const one of some) await this.#write([one])
      return true
    }
    if (only !== undefined) {
      this.#log.error({ err: error, ...only.completion.claim }, 'what came of a line of a batch cannot be written')
      if (error.reason !== 'store_unavailable') await this.#writeLess(only.completion)
    }
    for (const { resolve } of some) resolve(false)
    return true
  }

  /**
   * Writes an outcome without its row, which then goes the usual way; or else that there was one. Whoever took the line over would ask for
   * the same, and pay for it, time and again.
   */
  async #writeLess({ claim, outcome }: Completion): Promise<void> {
    for (const less of [outcome, unwritable]) {
      const completion = { claim, outcome: less, request: undefined, content: undefined }
      const isDone = await this.#store.complete([completion], Date.now()).then(
        () => true,
        () => false,
      )
      if (isDone) return
    }
  }
}
