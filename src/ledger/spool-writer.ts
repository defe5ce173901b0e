/*
 * The thread that writes a spool. What arrives while it is at work goes into the next transaction, so that under load many calls
 * share the one wait for the disk.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { adopt } from './adopt.ts'
import { SpoolFile } from './spool-file.ts'
import type { Changes, Done, FromWriter, ToWriter, WriterOptions } from './spool-messages.ts'

/** Changes in one transaction from which on traffic counts as dense. */
const dense = 4

/** Milliseconds between the beginnings of two transactions while traffic is dense: one sync of the disk costs what ten rows do. */
const pace = 1

/** Milliseconds between two looks for spools that were left behind. */
const adoptionInterval = 60_000

const sleeper = new Int32Array(new SharedArrayBuffer(4))

class Writer {
  readonly #port: MessagePort
  readonly #options: WriterOptions
  readonly #file: SpoolFile
  #changes: Changes[] = []
  #lastBegan = 0
  #lastSize = 0
  #adopting: ReturnType<typeof adopt> | undefined

  private constructor(port: MessagePort, options: WriterOptions) {
    this.#port = port
    this.#options = options
    const { file, damaged } = SpoolFile.open(options.folder, options.maxBytes, options.resumedAfter)
    this.#file = file
    this.#say({ kind: 'opened', path: file.path, damaged, lastNumber: file.lastNumber, state: file.state })
  }

  /** Opens the file, says so, and does from then on what it is told. Throws when the file cannot be opened. */
  static start(port: MessagePort, options: WriterOptions): void {
    new Writer(port, options).#serve()
  }

  #serve(): void {
    const port = this.#port
    port.on('message', (message: ToWriter) => this.#work(message))
    const timer = setInterval(() => this.#lookForOrphans(), adoptionInterval)
    port.once('close', () => clearInterval(timer))
    this.#lookForOrphans()
  }

  #work(first: ToWriter): void {
    this.#receive(first)
    this.#drain()
    if (this.#changes.length === 0) return
    if (this.#lastSize >= dense) this.#gather()
    this.#commit()
    this.#file.fold()
  }

  /** Waits a moment for more, while there is reason to think that more is coming. */
  #gather(): void {
    const left = this.#lastBegan + pace - performance.now()
    if (left <= 0) return
    Atomics.wait(sleeper, 0, 0, left)
    this.#drain()
  }

  #drain(): void {
    for (;;) {
      const next = receiveMessageOnPort(this.#port)
      if (next === undefined) return
      this.#receive(next.message as ToWriter)
    }
  }

  /** Changes are gathered; what asks for an answer is answered from the file as it will be after them. */
  #receive(message: ToWriter): void {
    if (message.kind === 'changes') {
      this.#changes.push(message)
      return
    }
    this.#commit()
    switch (message.kind) {
      case 'take':
        return this.#say({ kind: 'taken', rows: this.#file.take(message.after, message.limit) })
      case 'lost':
        return this.#say({ kind: 'taken-lost', rows: this.#file.takeLost(message.limit) })
      case 'close':
        this.#adopting?.return()
        this.#file.close()
        this.#port.close()
        return
      default:
        message satisfies never
    }
  }

  #commit(): void {
    const messages = this.#changes
    if (messages.length === 0) return
    this.#changes = []
    this.#lastBegan = performance.now()
    this.#lastSize = 0
    for (const { begun, settled } of messages) this.#lastSize += begun.texts.length + settled.texts.length
    const outcome = this.#file.isFull(messages) ? this.#write(messages, 'full') : this.#write(messages, 'durable')
    this.#say({ kind: 'done', messages: messages.length, ...outcome, state: this.#file.state })
  }

  /**
   * Writes the changes, the settlements alone where there is no room for both, and where there is none for those only what makes room.
   * A disk that is full may have some yet: what the log of the database takes.
   */
  #write(messages: readonly Changes[], begun: Done['begun']): Pick<Done, 'begun' | 'settled' | 'released' | 'problem'> {
    const file = this.#file
    const commit = (): string => problemOf(() => file.commit(messages, begun === 'durable'))
    const problem = commit()
    if (problem === '' || (file.shrink() && commit() === ''))
      return { begun, settled: 'durable', released: true, problem: '' }
    const isSettled = begun === 'durable' && problemOf(() => file.commit(messages, false)) === ''
    return {
      begun: begun === 'durable' ? 'failed' : begun,
      settled: isSettled ? 'durable' : 'failed',
      released: isSettled || problemOf(() => file.release(messages)) === '',
      problem,
    }
  }

  #lookForOrphans(): void {
    if (this.#adopting !== undefined) return
    this.#adopting = adopt(this.#file, this.#options.folder)
    setImmediate(() => this.#adopt())
  }

  #adopt(): void {
    const step = this.#adopting?.next()
    if (step === undefined) return
    if (step.done === true) {
      this.#adopting = undefined
      return
    }
    if (step.value !== undefined) this.#say({ kind: 'adopted', ...step.value, state: this.#file.state })
    setImmediate(() => this.#adopt())
  }

  #say(message: FromWriter): void {
    this.#port.postMessage(message)
  }
}

/** What an attempt fails with; empty when it goes well. */
function problemOf(attempt: () => void): string {
  try {
    attempt()
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const port = parentPort
if (port !== null) {
  const problem = problemOf(() => Writer.start(port, workerData as WriterOptions))
  if (problem !== '') {
    port.postMessage({ kind: 'not-opened', problem } satisfies FromWriter)
    port.close()
  }
}
