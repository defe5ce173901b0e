import { Worker } from 'node:worker_threads'
import { fail, type GatewayError } from '../error/index.ts'
import type { Logger } from '../provider/contract.ts'
import {
  type Changes,
  type Done,
  type FromWriter,
  type LostText,
  noChanges,
  type Releases,
  type SettledText,
  type SpoolState,
  type ToWriter,
  type WriterOptions,
} from './spool-messages.ts'
import { nobody, type Settle, Unsaved } from './unsaved.ts'

/** What a spool is made of. */
export interface SpoolOptions {
  readonly folder: string
  /** Bytes the file may have. A part of it, a quarter or 64 MiB, is kept free for the settlements of calls that have begun. */
  readonly maxBytes: number
  readonly log: Logger
  /** Is told how long each hand-over took to become durable, in seconds. */
  readonly committed?: (seconds: number) => void
  /** Milliseconds that the disk may take before calls are refused instead of being kept waiting; 5000. */
  readonly patienceMs?: number
  /** The script of the writing thread, where it is to fail. */
  readonly writer?: URL
}

const usualWriter = new URL('./spool-writer.ts', import.meta.url)

/** Milliseconds before a writer that ended is started again. */
const restartAfter = 1000

/** Somebody who waits for an intent to be durable. */
interface Begin {
  readonly number: number
  readonly resolve: (number: number) => void
  readonly reject: (error: GatewayError) => void
}

/** A message that the writer has not answered yet, and who waits for the answer. */
interface Posted {
  readonly begins: readonly Begin[]
  readonly settles: readonly Settle[]
  readonly releases: Releases
  readonly at: number
}

/**
 * The spool as calls see it: everything handed over in one turn of the event loop goes to the writing thread together, and is
 * durable when the promise resolves. A settlement that cannot be written is kept and tried again until it can.
 */
export class Spool {
  readonly #options: SpoolOptions
  readonly #posted: Posted[] = []
  readonly #unsaved = new Unsaved((entry) => this.#hand(entry))
  readonly #taking: ((rows: readonly SettledText[]) => void)[] = []
  readonly #takingLost: ((rows: readonly LostText[]) => void)[] = []
  readonly #patience: number
  readonly #watch: NodeJS.Timeout
  #worker: Worker | undefined
  #state: SpoolState = { bytes: 0, open: 0, waiting: 0, lost: 0, aside: 0, last: 0 }
  #numbers = 0
  #changes: Changes = noChanges()
  #begins: Begin[] = []
  #settles: Settle[] = []
  #isDue = false
  #isFull = false
  /** Why calls are refused without asking the writer. */
  #trouble: GatewayError | undefined
  /** What the operator was told last; empty when all is well. */
  #told = ''
  #changed: () => void = nobody
  #closed: (() => void) | undefined

  private constructor(options: SpoolOptions) {
    this.#options = options
    this.#patience = options.patienceMs ?? 5000
    this.#watch = setInterval(() => this.#lookForStall(), this.#patience / 5)
    this.#watch.unref()
  }

  /** Opens a spool in the folder, which is made where there is none. Rejects with `store_unavailable` when that is not possible. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options)
    try {
      await spool.#start()
      return spool
    } catch (error) {
      clearInterval(spool.#watch)
      spool.#closed = nobody
      throw error
    }
  }

  /** What lies in the spool, as of the last time it was written. */
  get state(): SpoolState {
    return this.#state
  }

  /** Is called back whenever the state may have changed. */
  set onChange(changed: () => void) {
    this.#changed = changed
  }

  /** Resolves with a number for the intent when it is durable. Rejects with `store_unavailable` when it will not be. */
  begin(text: string): Promise<number> {
    if (this.#trouble !== undefined) return Promise.reject(this.#trouble)
    return new Promise((resolve, reject) => {
      const number = ++this.#numbers
      this.#changes.begun.numbers.push(number)
      this.#changes.begun.texts.push(text)
      this.#begins.push({ number, resolve, reject })
      this.#flushSoon()
    })
  }

  /**
   * Resolves when the settlement of the intent is durable. Rejects with `store_unavailable` when it is not, and then goes on trying,
   * with the text that `late` gives. Content is empty where none is kept.
   */
  settle(number: number, text: string, content: string, late?: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry: Settle = { number, text, content, late, isKept: true, resolve, reject }
      if (this.#trouble === undefined) this.#hand(entry)
      else this.#unsaved.keep(entry, this.#trouble)
    })
  }

  /** The settlement of an intent is elsewhere already: nobody is to look for it. */
  forget(number: number): void {
    this.#changes.forgotten.push(number)
    this.#flushSoon()
  }

  /** Writes a settlement without an intent, if that is possible. False: it is not. */
  note(text: string): boolean {
    if (this.#trouble !== undefined || this.#isFull) return false
    this.#hand({ number: 0, text, content: '', isKept: false, resolve: nobody, reject: nobody })
    return true
  }

  /** Resolves when the settlement of an intent that was left behind is durable. Rejects with `store_unavailable` when it is not. */
  recover(key: number, text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#hand({ number: -key, text, content: '', isKept: false, resolve, reject })
    })
  }

  /** The oldest settlements after a place, not all of them at once where their content is long; none while the file cannot be read. */
  take(after: number, limit: number): Promise<readonly SettledText[]> {
    return this.#ask(this.#taking, { kind: 'take', after, limit })
  }

  /** Intents that earlier processes left behind; none while the file cannot be read. */
  takeLost(limit: number): Promise<readonly LostText[]> {
    return this.#ask(this.#takingLost, { kind: 'lost', limit })
  }

  /** Settlements up to a place have been moved, but for those to be put aside. */
  moved(place: number, aside: readonly number[] = []): void {
    this.#release({ forgotten: [], aside: [...aside], moved: place })
    this.#flushSoon()
  }

  /** Resolves when everything that was handed over before has been written, or could not be. */
  async drain(): Promise<void> {
    await this.take(0, 0)
  }

  /** Writes what is left, and lets go of the file. Waits no longer than the disk may take; what was not written then is logged. */
  async close(): Promise<void> {
    clearInterval(this.#watch)
    this.#unsaved.finish()
    const worker = this.#worker
    if (worker !== undefined) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#closed = resolve
      this.#send(worker, { kind: 'close' })
      const late = setTimeout(resolve, this.#patience)
      await promise
      clearTimeout(late)
      await worker.terminate()
    }
    this.#closed = nobody
    const settlements = this.#unsaved.size
    if (settlements > 0) this.#options.log.error({ settlements }, 'settlements of calls could not be written')
  }

  // ---- to the writer

  #hand(entry: Settle): void {
    const { numbers, texts, contents } = this.#changes.settled
    numbers.push(entry.number)
    texts.push(entry.text)
    contents.push(entry.content)
    this.#settles.push(entry)
    this.#flushSoon()
  }

  /** Goes with the next message. */
  #release({ forgotten, aside, moved }: Readonly<Releases>): void {
    this.#changes.forgotten.push(...forgotten)
    this.#changes.aside.push(...aside)
    this.#changes.moved = Math.max(this.#changes.moved, moved)
  }

  #flushSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    setImmediate(() => this.#flush())
  }

  /** Hands over what has come together. Without a writer it waits for the next. */
  #flush(): void {
    if (!this.#isDue || this.#worker === undefined) return
    this.#isDue = false
    const changes = this.#changes
    this.#posted.push({ begins: this.#begins, settles: this.#settles, releases: changes, at: performance.now() })
    this.#changes = noChanges()
    this.#begins = []
    this.#settles = []
    this.#worker.postMessage(changes)
  }

  #ask<Row>(queue: ((rows: readonly Row[]) => void)[], question: ToWriter): Promise<readonly Row[]> {
    const worker = this.#worker
    if (worker === undefined) return Promise.resolve([])
    return new Promise((resolve) => {
      queue.push(resolve)
      this.#send(worker, question)
    })
  }

  #send(worker: Worker, message: ToWriter): void {
    this.#flush()
    worker.postMessage(message)
  }

  // ---- from the writer

  #receive(message: Exclude<FromWriter, { kind: 'opened' | 'not-opened' }>): void {
    switch (message.kind) {
      case 'done':
        return this.#done(message)
      case 'taken':
        return this.#taking.shift()?.(message.rows)
      case 'taken-lost':
        return this.#takingLost.shift()?.(message.rows)
      case 'adopted': {
        const { path, rows, problem, state } = message
        const { log } = this.#options
        if (problem === '') log.info({ path, rows }, 'took in the spool of a process that is no more')
        else log.warn({ path, rows, problem }, 'a spool that was left behind could not be taken in whole')
        this.#state = state
        return this.#changed()
      }
      default:
        message satisfies never
    }
  }

  #done({ messages, begun, settled, released, problem, state }: Done): void {
    const now = performance.now()
    this.#state = state
    this.#isFull = begun === 'full'
    this.#tell(this.#isFull ? 'there is no room' : problem)
    for (const { begins, settles, releases, at } of this.#posted.splice(0, messages)) {
      if (!released) this.#release(releases)
      this.#options.committed?.((now - at) / 1000)
      if (begun === 'durable') for (const one of begins) one.resolve(one.number)
      else for (const one of begins) one.reject(begun === 'full' ? noRoom() : unavailable(problem))
      if (settled === 'failed') for (const one of settles) this.#unsaved.keep(one, unavailable(problem))
      else if (settles.length > 0) {
        for (const one of settles) one.resolve()
        this.#unsaved.encourage()
      }
    }
    if (this.#posted.length === 0) this.#trouble = undefined
    this.#changed()
  }

  /** Tells the operator once when calls begin to be refused, and once when that is over. */
  #tell(problem: string): void {
    if ((problem === '') === (this.#told === '')) return
    this.#told = problem
    if (problem === '') this.#options.log.info({}, 'the spool takes calls again')
    else this.#options.log.error({ problem }, 'the spool takes no calls')
  }

  /** A disk that does not answer: whoever waits is told, and nobody else begins to. What was handed over stays handed over. */
  #lookForStall(): void {
    const [oldest] = this.#posted
    if (oldest === undefined || performance.now() - oldest.at < this.#patience || this.#trouble !== undefined) return
    this.#trouble = fail('store_unavailable', 'the request log does not answer')
    this.#tell('the disk does not answer')
    for (const { begins, settles } of this.#posted) {
      this.#refuse(begins, this.#trouble)
      for (const one of settles) one.reject(this.#trouble)
    }
  }

  /** Their intents may be written all the same, or still be: those have no call. */
  #refuse(begins: readonly Begin[], error: GatewayError): void {
    for (const one of begins) {
      one.reject(error)
      this.#changes.forgotten.push(one.number)
    }
    if (begins.length > 0) this.#flushSoon()
  }

  // ---- the writer's life

  #start(resumedAfter?: number): Promise<void> {
    const { folder, maxBytes, log, writer = usualWriter } = this.#options
    const workerData: WriterOptions = { folder, maxBytes, ...(resumedAfter !== undefined && { resumedAfter }) }
    const worker = new Worker(writer, { workerData, name: 'spool' })
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromWriter) => {
        if (message.kind === 'opened') {
          this.#opened(worker, message)
          resolve()
        } else if (message.kind === 'not-opened') reject(fail('store_unavailable', message.problem))
        else this.#receive(message)
      })
      worker.on('error', (error) => log.error({ err: error }, 'the writer of the spool failed'))
      worker.once('exit', () => {
        reject(unavailable('the writer ended'))
        this.#ended()
      })
    })
  }

  #opened(worker: Worker, { path, damaged, lastNumber, state }: Extract<FromWriter, { kind: 'opened' }>): void {
    const { log } = this.#options
    if (damaged !== '') log.error({ damaged }, 'the spool could not be read, and was put aside')
    log.debug({ path, ...state }, 'the spool is open')
    this.#worker = worker
    this.#numbers = Math.max(this.#numbers, lastNumber)
    this.#state = state
    this.#trouble = undefined
    this.#tell('')
    this.#flush()
    this.#changed()
  }

  #ended(): void {
    this.#worker = undefined
    for (const answer of this.#taking.splice(0)) answer([])
    for (const answer of this.#takingLost.splice(0)) answer([])
    const error = unavailable('the writer ended')
    this.#trouble = error
    for (const { begins, settles, releases } of this.#posted.splice(0)) {
      this.#release(releases)
      this.#refuse(begins, error)
      for (const one of settles) this.#unsaved.keep(one, error)
    }
    if (this.#closed !== undefined) return this.#closed()
    this.#tell('its writer ended')
    setTimeout(() => {
      if (this.#closed === undefined) this.#start(this.#state.last).catch(nobody)
    }, restartAfter).unref()
  }
}

function unavailable(cause: unknown): GatewayError {
  return fail('store_unavailable', 'the request log cannot be written', { cause })
}

function noRoom(): GatewayError {
  return fail('store_unavailable', 'the request log has no room', { retryAfterSeconds: 5 })
}
