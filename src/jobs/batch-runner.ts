import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { asGatewayError } from '../error/index.ts'
import type { Logger } from '../provider/contract.ts'
import { type Pace, repeat } from '../store/repeat.ts'
import { workOn, type JobParts } from './batch-job.ts'
import { LineWork } from './line-work.ts'
import type { BatchWatch, LineRunner } from './contract.ts'

/** When batches are looked for that ended long ago: a minute after the start, and every hour. */
const forgetPace: Pace = [60_000, 3_600_000]

/** Batches that are read or finished at once: one that takes its time keeps the others waiting no longer. */
const jobsAtOnce = 4

/** Milliseconds that what is being read or written may go on when all else has ended. */
const lastWordsMs = 2000

/** Lines and batches that are forgotten in one transaction. */
const forgottenAtOnce = 2000

/** What works on batches, in every process that serves. */
export interface BatchRunnerParts extends JobParts {
  readonly runner: LineRunner
  readonly watch?: BatchWatch | undefined
}

/**
 * Works on batches as long as the process serves: one loop takes whole batches, one takes lines. Any number of processes may do so on
 * the same store; who takes what is the store's to say.
 */
export class BatchRunner {
  readonly #parts: BatchRunnerParts
  readonly #owner = randomBytes(8).toString('hex')
  readonly #lines: LineWork
  readonly #stopped = new AbortController()
  readonly #jobs = new Set<Promise<void>>()
  readonly #onBatches: Loop
  readonly #endForgetting: () => Promise<void>
  readonly #onLines: Loop

  private constructor(parts: BatchRunnerParts) {
    this.#parts = parts
    this.#lines = new LineWork({ ...parts, owner: this.#owner }, () => this.#onLines.wake())
    const { pollMs } = parts.settings
    const away = new Absence(parts.log)
    this.#onBatches = new Loop(() => this.#takeBatch(), pollMs, away)
    this.#onLines = new Loop(() => this.#takeLines(), pollMs, away)
    // What fails is done the next time: the loops tell of a store that does not answer.
    this.#endForgetting = repeat(
      () => this.#forget(),
      () => undefined,
      forgetPace,
    )
  }

  /** Begins to look for work. */
  static start(parts: BatchRunnerParts): BatchRunner {
    return new BatchRunner(parts)
  }

  /** Lines that are being worked on. */
  get linesInFlight(): number {
    return this.#lines.running
  }

  /** There may be work: looks at once. */
  wake(): void {
    this.#onBatches.wake()
  }

  /** Takes no more. Resolves when nothing is being worked on any more: what runs may end until the signal is aborted, and is then given back. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopped.abort()
    await Promise.all([this.#onBatches.stop(), this.#onLines.stop(), this.#endForgetting()])
    await this.#lines.stop(signal)
    // Whatever does not let go of one is not waited for: its lease ends by itself.
    await Promise.race([Promise.all(this.#jobs), sleep(lastWordsMs, undefined, { ref: false })])
  }

  async #takeBatch(): Promise<boolean> {
    const { store, settings } = this.#parts
    if (this.#jobs.size >= jobsAtOnce) return false
    const job = await store.claimJob(this.#owner, Date.now(), settings.leaseMs)
    if (job === undefined) return false
    const work = workOn(job, this.#parts, this.#stopped.signal).then(() => {
      this.#jobs.delete(work)
      this.#onLines.wake()
      this.#onBatches.wake()
    })
    this.#jobs.add(work)
    return true
  }

  /** Forgets what ended long ago. */
  async #forget(): Promise<void> {
    const { store, settings } = this.#parts
    const before = Date.now() - settings.keptMs
    if (before < 0) return
    while (!this.#stopped.signal.aborted && (await store.forget(before, forgottenAtOnce)) > 0);
  }

  /** Lines are taken some at a time: not for each that ends. Where none are left, a batch may have to be finished. */
  async #takeLines(): Promise<boolean> {
    const { room } = this.#lines
    if (room < Math.max(1, this.#parts.settings.lines / 4)) return false
    const taken = await this.#lines.take()
    if (taken === 0) this.#onBatches.wake()
    return taken > 0
  }
}

/** Does a step after the other, and waits after one that found nothing to do. */
class Loop {
  readonly #step: () => Promise<boolean>
  readonly #pollMs: number
  readonly #away: Absence
  readonly #running: Promise<void>
  #stopped = false
  #isDue = false
  #wake: (() => void) | undefined

  constructor(step: () => Promise<boolean>, pollMs: number, away: Absence) {
    this.#step = step
    this.#pollMs = pollMs
    this.#away = away
    this.#running = this.#run()
  }

  /** The next step follows at once, also where one is being done that may find nothing. */
  wake(): void {
    this.#isDue = true
    this.#wake?.()
  }

  /** Resolves when the step that is being done is over. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.wake()
    await this.#running
  }

  async #run(): Promise<void> {
    // Whoever made this has something to finish first.
    await Promise.resolve()
    while (!this.#stopped) {
      this.#isDue = false
      let found = false
      try {
        found = await this.#step()
        this.#away.over()
      } catch (thrown) {
        this.#away.tell(thrown)
      }
      if (!found) await this.#sleep()
    }
  }

  async #sleep(): Promise<void> {
    if (this.#isDue) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    const timer = setTimeout(resolve, this.#pollMs)
    timer.unref()
    await promise
    clearTimeout(timer)
    this.#wake = undefined
  }
}

/** Tells the operator once that the store does not answer. */
class Absence {
  readonly #log: Logger
  #isTold = false

  constructor(log: Logger) {
    this.#log = log
  }

  tell(thrown: unknown): void {
    if (!this.#isTold) this.#log.warn({ err: asGatewayError(thrown) }, 'batches wait: the store does not answer')
    this.#isTold = true
  }

  over(): void {
    this.#isTold = false
  }
}
