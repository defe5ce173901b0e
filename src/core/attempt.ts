import type { ChatEvent, ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { asGatewayError, fail, GatewayError } from '../error/index.ts'
import { started } from '../model/events.ts'
import type { Logger } from '../provider/contract.ts'
import type { Egress } from '../provider/egress.ts'
import type { MediaReader } from '../provider/media.ts'
import { completeBatch } from '../provider/complete.ts'
import { conceal, concealId, secretsOf } from '../provider/conceal.ts'
import type { Secret } from '../provider/secret.ts'
import type { AttemptRecord, Target, Timeouts, TraceHeaders } from './contract.ts'
import { Watch } from './deadline.ts'
import { outcomeOf } from './outcome.ts'

/** What a try needs beside its target. */
export interface Surroundings {
  readonly egress: Egress
  readonly log: Logger
  /** Reads what URLs in requests lead to; with default limits where there is none. */
  readonly media?: MediaReader
  readonly timeouts: Timeouts
}

/** What is asked of a target. */
export interface Question {
  readonly requestId: string
  readonly request: ChatRequest
  readonly streaming: boolean
}

/** What goes with one try. */
export interface Accompaniment {
  /** The trace that the provider's work is part of. */
  readonly trace?: TraceHeaders | undefined
  /** Is told how many bytes were read for it, each time that some were. */
  readonly received?: (bytes: number) => void
}

/** One try at one target: its stream of events, its timers, and the way to abort it. */
export class Attempt {
  readonly target: Target
  readonly #surroundings: Surroundings
  readonly #controller = new AbortController()
  readonly #watch = new Watch((error) => this.abort(error))
  readonly #began = performance.now()
  #source: AsyncIterator<unknown> | undefined
  #reject: ((error: GatewayError) => void) | undefined
  /** The source has ended or failed by itself: there is nothing left to cut. */
  #over = false
  #duration: number | undefined

  constructor(target: Target, surroundings: Surroundings) {
    this.target = target
    this.#surroundings = surroundings
  }

  /** Asks the target and waits for its first events. Throws a `GatewayError`; the try is then over. */
  async open(question: Question, { trace, received }: Accompaniment = {}): Promise<readonly ChatEvent[]> {
    const { provider, model } = this.target
    const { egress, log, media, timeouts } = this.#surroundings
    const { requestId, request, streaming } = question
    if (provider.provider.chat === undefined) {
      throw fail('unsupported_operation', `the provider "${provider.record.name}" cannot chat`)
    }
    const [credential] = provider.credentials
    const context = {
      signal: this.#controller.signal,
      streaming,
      requestId,
      egress,
      log,
      ...(media !== undefined && { media }),
      ...(credential !== undefined && { credential }),
      ...(received !== undefined && { received }),
      ...(trace !== undefined && { trace }),
    }
    try {
      this.#source = provider.provider.chat({ ...request, model, provider: '' }, context)[Symbol.asyncIterator]()
      for (;;) {
        const batch = await this.#next('first_event', timeouts.firstEvent)
        if (batch === undefined) throw fail('provider_error', 'the provider ended without an answer')
        if (batch.length > 0) return this.#discreet(begun(batch))
      }
    } catch (error) {
      const failure = this.#fault(error)
      this.close()
      throw failure
    }
  }

  /** The next events, or undefined at the end. Throws a `GatewayError`; the try is then over. */
  async next(): Promise<readonly ChatEvent[] | undefined> {
    try {
      const batch = await this.#next('between_events', this.#surroundings.timeouts.betweenEvents)
      return batch && withoutStart(batch)
    } catch (error) {
      throw this.#fault(error)
    }
  }

  /** Ends the wait for the target and closes its connection. */
  abort(error: GatewayError): void {
    this.#controller.abort(error)
    this.#reject?.(error)
  }

  /** Lets go of the target. An answer that was not read to its end is cut. */
  close(): void {
    this.#watch[Symbol.dispose]()
    this.#duration ??= performance.now() - this.#began
    if (!this.#over && !this.#controller.signal.aborted)
      this.#controller.abort(fail('client_closed', 'the answer is not read any more'))
    void this.#release()
  }

  /** Ends the source. Its own clean-up is not waited for, and what goes wrong in it has nobody left to tell. */
  async #release(): Promise<void> {
    try {
      await this.#source?.return?.()
    } catch {
      // The outcome of the try is known by now.
    }
  }

  /** The try as the log has it. `arrivedAt` is when the call began. */
  record(arrivedAt: number, error: GatewayError | undefined): AttemptRecord {
    return {
      provider: this.target.provider.record.name,
      model: this.target.model,
      ...outcomeOf(error),
      began: this.#began - arrivedAt,
      duration: this.#duration ?? performance.now() - this.#began,
    }
  }

  /** One step of the source under a timer. An abort ends it even where the provider does not listen. */
  #next(timer: 'first_event' | 'between_events', milliseconds: number): Promise<readonly ChatEvent[] | undefined> {
    this.#watch.arm(timer, milliseconds)
    return new Promise((resolve, reject) => {
      this.#reject = reject
      if (this.#controller.signal.aborted) return reject(asGatewayError(this.#controller.signal.reason))
      if (this.#source === undefined) return resolve(undefined)
      this.#source
        .next()
        .then(
          (step) => {
            this.#rest()
            this.#over = step.done === true
            resolve(this.#over ? undefined : completeBatch(step.value as Parameters<typeof completeBatch>[0]))
          },
          (error: unknown) => {
            this.#rest()
            this.#over = true
            reject(this.#fault(error))
          },
        )
        // What is no event is thrown here.
        .catch(reject)
    })
  }

  #rest(): void {
    this.#reject = undefined
    this.#watch.rest()
  }

  get #secrets(): readonly Secret[] {
    return secretsOf(this.target.provider.credentials)
  }

  /** What a provider threw as one of ours: anything undeclared is a fault of the provider's, not of the gateway. */
  #fault(error: unknown): GatewayError {
    if (error instanceof GatewayError) return conceal(this.#secrets, error)
    return fail('provider_error', 'the provider failed', { cause: error })
  }

  /** The first events, as they came; but no id of the other side's that is a key. */
  #discreet(batch: readonly ChatEvent[]): readonly ChatEvent[] {
    const { event } = batch[0] ?? {}
    if (event?.case === 'started' && event.value.upstreamRequestId !== '')
      event.value.upstreamRequestId = concealId(this.#secrets, event.value.upstreamRequestId)
    return batch
  }
}

/** An answer begins with `started`, once, whatever its provider says: clients could not read another. */
function begun(batch: readonly ChatEvent[]): readonly ChatEvent[] {
  const [first, ...rest] = batch
  return first !== undefined && isStart(first) ? [first, ...withoutStart(rest)] : [started({}), ...withoutStart(batch)]
}

function withoutStart(batch: readonly ChatEvent[]): readonly ChatEvent[] {
  return batch.some(isStart) ? batch.filter((event) => !isStart(event)) : batch
}

function isStart({ event }: ChatEvent): boolean {
  return event.case === 'started'
}
