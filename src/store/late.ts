import { fail } from '../error/index.ts'
import type { Store } from './contract.ts'

/** What opens a store that may not be there yet. */
export interface LateOptions {
  /** Tries to open it; rejects while it is not there. */
  open(): Promise<Store>
  /** Milliseconds between two tries. */
  readonly retryMs?: number
  /** Is told of the first try that failed, and when it is there at last. */
  readonly failed: (error: unknown) => void
  readonly opened: () => void
}

/**
 * A store that is opened as soon as it can be: until then everything asked of it is `store_unavailable`. Resolves after the first
 * try, whether or not that found the store.
 */
export async function openLate(engine: Store['engine'], options: LateOptions): Promise<Store> {
  const late = new LateStore(engine, options)
  await late.attempt()
  return late
}

class LateStore implements Store {
  readonly engine: Store['engine']
  readonly registry: Store['registry']
  readonly accounts: Store['accounts']
  readonly ledger: Store['ledger']
  readonly batches: Store['batches']
  readonly files: Store['files']
  readonly idempotency: Store['idempotency']
  readonly videos: Store['videos']
  readonly #options: LateOptions
  readonly #waiting = new Set<(store: Store) => void>()
  #store: Store | undefined
  #timer: NodeJS.Timeout | undefined
  #trying: Promise<void> = Promise.resolve()
  #failed = false
  #closed = false

  constructor(engine: Store['engine'], options: LateOptions) {
    this.engine = engine
    this.#options = options
    this.registry = this.#part('registry')
    this.accounts = this.#part('accounts')
    this.ledger = this.#part('ledger')
    this.batches = this.#part('batches')
    this.files = this.#part('files')
    this.idempotency = this.#part('idempotency')
    this.videos = this.#part('videos')
  }

  /** Tries once, and again later while that fails. */
  attempt(): Promise<void> {
    this.#trying = this.#try()
    return this.#trying
  }

  async revision(): Promise<bigint> {
    return await this.#opened().revision()
  }

  watch(changed: () => void, failed: (error: unknown) => void): () => void {
    let end: (() => void) | undefined
    const begin = (store: Store): void => {
      end = store.watch(changed, failed)
      // Whatever is in it is news to whoever has been waiting.
      changed()
    }
    if (this.#store !== undefined) return this.#store.watch(changed, failed)
    this.#waiting.add(begin)
    return () => {
      this.#waiting.delete(begin)
      end?.()
    }
  }

  async backup(file: string): Promise<void> {
    await this.#opened().backup(file)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#trying
    await this.#store?.close()
  }

  async #try(): Promise<void> {
    try {
      const store = await this.#options.open()
      this.#store = store
      if (this.#failed) this.#options.opened()
      for (const begin of this.#waiting) begin(store)
      this.#waiting.clear()
    } catch (error) {
      if (!this.#failed) this.#options.failed(error)
      this.#failed = true
      if (!this.#closed) this.#timer = setTimeout(() => void this.attempt(), this.#options.retryMs ?? 1000).unref()
    }
  }

  #opened(): Store {
    if (this.#store !== undefined) return this.#store
    throw fail('store_unavailable', 'the store has not been reached yet')
  }

  /** A part of the store, each of whose methods is asked of the real one, once that is there. */
  #part<Name extends 'registry' | 'accounts' | 'ledger' | 'batches' | 'files' | 'idempotency' | 'videos'>(
    name: Name,
  ): Store[Name] {
    const asked =
      (_target: object, method: string | symbol) =>
      async (...given: unknown[]) => {
        const part = this.#opened()[name] as unknown as Record<string | symbol, (...given: unknown[]) => unknown>
        return await part[method]?.(...given)
      }
    return new Proxy({}, { get: asked }) as Store[Name]
  }
}
