import { asGatewayError } from '../error/index.ts'
import type { Logger } from '../provider/contract.ts'
import type { BatchStore, ClaimedLine, LineClaim } from '../store/contract.ts'
import { Completions } from './completions.ts'
import { abandoned } from './problems.ts'
import type { BatchSettings, BatchWatch, LineRunner, RunningLine, Tried } from './contract.ts'

/** How often a line is taken, before it is given up: more often than it is tried. */
const mostClaims = 200

/** What work on lines is done with. */
export interface LineParts {
  readonly store: BatchStore
  readonly runner: LineRunner
  readonly settings: BatchSettings
  /** Tells this process from others. */
  readonly owner: string
  readonly log: Logger
  readonly watch?: BatchWatch | undefined
}

/** Lines that this process works on: takes them, keeps them on lease, and writes what came of them. */
export class LineWork {
  readonly #parts: LineParts
  readonly #completions: Completions
  readonly #running = new Map<string, RunningLine>()
  readonly #timer: NodeJS.Timeout
  /** Called whenever a line has ended. */
  readonly #ended: () => void
  #stopping = false

  constructor(parts: LineParts, ended: () => void) {
    this.#parts = parts
    this.#ended = ended
    this.#completions = new Completions(parts.store, parts.log)
    this.#timer = setInterval(() => void this.#renew(), parts.settings.leaseMs / 3)
    this.#timer.unref()
  }

  /** How many lines are being worked on. */
  get running(): number {
    return this.#running.size
  }

  /** How many more lines could be worked on. */
  get room(): number {
    return this.#stopping ? 0 : this.#parts.settings.lines - this.#running.size
  }

  /** Takes as many lines as there is room for, and begins to work on them. Gives their number. */
  async take(): Promise<number> {
    const { store, owner, settings } = this.#parts
    const { leaseMs, perBatch } = settings
    const lines = await store.claim(owner, Date.now(), leaseMs, { lines: this.room, perBatch })
    for (const line of lines) {
      if (this.#stopping) await this.#giveBack(line, Date.now(), false)
      else void this.#work(line)
    }
    return lines.length
  }

  /** Takes no more, and resolves when all that run have ended: by themselves, or when the signal is aborted. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping = true
    const abort = (): void => {
      this.#completions.giveUp()
      for (const { stop } of this.#running.values()) stop.abort()
    }
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    while (this.#running.size > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    signal.removeEventListener('abort', abort)
    clearInterval(this.#timer)
  }

  async #work(line: ClaimedLine): Promise<void> {
    const { batchId, line: number, fence } = line
    const claim: LineClaim = { batchId, line: number, fence }
    const stop = new AbortController()
    this.#running.set(keyOf(claim), { claim, stop })
    try {
      // It may be the line itself that ends whoever works on it.
      const tried: Tried =
        fence > mostClaims ? { outcome: abandoned, ledger: undefined } : await this.#parts.runner.run(line, stop.signal)
      await this.#settle(line, claim, tried, stop.signal.aborted && !isGood(tried.outcome))
    } catch (thrown) {
      // The lease ends by itself.
      this.#parts.log.error({ err: asGatewayError(thrown), ...claim }, 'work on a line of a batch failed')
    } finally {
      this.#running.delete(keyOf(claim))
      this.#ended()
    }
  }

  async #settle(line: ClaimedLine, claim: LineClaim, tried: Tried, isStopped: boolean): Promise<void> {
    const { outcome, again, ledger } = tried
    const { tries, backOffMs } = this.#parts.settings
    const isAgain = again !== undefined && line.tries + 1 < tries
    if (isStopped || isAgain) {
      // It happened, whatever comes of the line.
      await ledger?.passOn()
      const [first, most] = backOffMs
      const pause = Math.min(most, Math.max(again?.afterMs ?? 0, first * 2 ** line.tries * (0.5 + Math.random() / 2)))
      await this.#giveBack(claim, isStopped ? Date.now() : Date.now() + pause, !isStopped)
      if (!isStopped) this.#parts.watch?.tried('again')
      return
    }
    const written = await this.#completions.write({
      claim,
      outcome,
      request: ledger?.row,
      content: ledger?.content,
    })
    this.#parts.watch?.tried(!written ? 'lost' : isGood(outcome) ? 'done' : 'failed')
    if (written) ledger?.taken()
    else await ledger?.passOn()
  }

  /** Where that is not possible, the lease ends by itself. */
  async #giveBack(claim: LineClaim, from: number, tried: boolean): Promise<void> {
    await this.#parts.store.release(claim, from, tried).catch(() => undefined)
  }

  /** A line that another has taken over is let go of; while the store does not answer, nobody else gets it either. */
  async #renew(): Promise<void> {
    const running = [...this.#running.values()]
    if (running.length === 0) return
    try {
      const until = Date.now() + this.#parts.settings.leaseMs
      const kept = await this.#parts.store.renew(
        running.map(({ claim }) => claim),
        until,
      )
      const still = new Set(kept.map(keyOf))
      for (const { claim, stop } of running) if (!still.has(keyOf(claim))) stop.abort()
    } catch {
      // The next time.
    }
  }
}

function isGood(outcome: Tried['outcome']): boolean {
  return 'httpStatus' in outcome && outcome.httpStatus < 300
}

function keyOf({ batchId, line, fence }: LineClaim): string {
  return `${batchId} ${line} ${fence}`
}
