import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { OperationName, Operations } from '../dialects/operation.ts'
import { asGatewayError, fail, GatewayError } from '../error/index.ts'
import type { Logger } from '../provider/contract.ts'
import type { Egress } from '../provider/egress.ts'
import type { MediaReader } from '../provider/media.ts'
import type { MediaPublisher } from '../provider/media-link.ts'
import { conceal, concealId, secretsOf } from '../provider/conceal.ts'
import type { Secret } from '../provider/secret.ts'
import type { AttemptRecord, Target, Timeouts, TraceHeaders } from './contract.ts'
import { Watch } from './deadline.ts'
import type { Operation } from './operation.ts'
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
export interface Question<Name extends OperationName> {
  readonly requestId: string
  readonly request: Operations[Name]['request']
  readonly streaming: boolean
}

/** What goes with one try. */
export interface Accompaniment {
  /** The trace that the provider's work is part of. */
  readonly trace?: TraceHeaders | undefined
  /** Is told how many bytes were read for it, each time that some were. */
  readonly received?: (bytes: number) => void
  /** Is told what parts of its answer consumed, which is not whole yet. */
  readonly consumed?: (part: Usage) => void
  /** Keeps large media of the account that asks. */
  readonly publisher?: MediaPublisher | undefined
}

/** One try at one target: its stream of events, its timers, and the way to abort it. */
export class Attempt<Name extends OperationName> {
  readonly target: Target
  readonly #operation: Operation<Name>
  readonly #surroundings: Surroundings
  readonly #controller = new AbortController()
  readonly #watch = new Watch((error) => this.abort(error))
  readonly #began = performance.now()
  #source: AsyncIterator<unknown> | undefined
  #reject: ((error: GatewayError) => void) | undefined
  /** The source has ended or failed by itself: there is nothing left to cut. */
  #over = false
  #duration: number | undefined

  constructor(operation: Operation<Name>, target: Target, surroundings: Surroundings) {
    this.#operation = operation
    this.target = target
    this.#surroundings = surroundings
  }

  /** Asks the target and waits for its first events. Throws a `GatewayError`; the try is then over. */
  async open(
    question: Question<Name>,
    { trace, received, consumed, publisher }: Accompaniment = {},
  ): Promise<readonly Operations[Name]['event'][]> {
    const { provider, model } = this.target
    const { egress, log, media, timeouts } = this.#surroundings
    const { requestId, request, streaming } = question
    const [credential] = provider.credentials
    const context = {
      signal: this.#controller.signal,
      streaming,
      requestId,
      egress,
      log,
      media,
      credential,
      received,
      consumed,
      publisher,
      trace,
    }
    try {
      if (!this.#operation.offeredBy(provider.provider)) throw this.#unable()
      const steps = this.#operation.ask(provider.provider, { ...request, model, provider: '' }, context)
      this.#source = steps[Symbol.asyncIterator]()
      const patience = this.#operation.slow ? timeouts.total : timeouts.firstEvent
      for (;;) {
        const batch = await this.#next('first_event', patience)
        if (batch === undefined) throw fail('provider_error', 'the provider ended without an answer')
        if (batch.length > 0) return this.#discreet(this.#operation.begin(batch))
      }
    } catch (error) {
      const failure = this.#fault(error)
      this.close()
      throw failure
    }
  }

  /** The next events, or undefined at the end. Throws a `GatewayError`; the try is then over. */
  async next(): Promise<readonly Operations[Name]['event'][] | undefined> {
    try {
      const batch = await this.#next('between_events', this.#surroundings.timeouts.betweenEvents)
      return batch && this.#operation.proceed(batch)
    } catch (error) {
      throw this.#fault(error)
    }
  }

  #unable(): GatewayError {
    const name = this.target.provider.record.name
    return fail('unsupported_operation', `the provider "${name}" cannot ${this.#operation.verb}`)
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
  #next(
    timer: 'first_event' | 'between_events',
    milliseconds: number,
  ): Promise<readonly Operations[Name]['event'][] | undefined> {
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
            resolve(this.#over ? undefined : this.#operation.complete(step.value))
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
  #discreet(batch: readonly Operations[Name]['event'][]): readonly Operations[Name]['event'][] {
    const head = this.#operation.head(batch)
    if (head !== undefined && head.upstreamRequestId !== '')
      head.upstreamRequestId = concealId(this.#secrets, head.upstreamRequestId)
    return batch
  }
}
