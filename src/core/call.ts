import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import type { Served } from '../dialects/contract.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import { usageEvent } from '../model/events.ts'
import { authorize, authorizeModel, selectAccount } from './admit.ts'
import { Attempt, type Surroundings } from './attempt.ts'
import type { ChatCall, ChatInput, LoadedProvider, OpenedChat, Recorder, Route, Target } from './contract.ts'
import { timedOut } from './deadline.ts'
import type { LiveRegistry } from './live.ts'
import { Meter } from './meter.ts'
import type { Registry } from './resolve.ts'
import { mayFallBack, type RetryBudget, retryDelay, type RetryPolicy } from './retry.ts'

/** What all calls share. */
export interface CallSharing extends Surroundings {
  readonly registry: LiveRegistry
  readonly retries: RetryPolicy
  readonly recorder: Recorder
  /** The retries that all calls to one provider share. */
  readonly budgetOf: (provider: LoadedProvider) => RetryBudget
}

/** The way of one chat call: admit, resolve, attempt, meter. */
export class Chat implements ChatCall {
  readonly #input: ChatInput
  readonly #shared: CallSharing
  readonly #meter: Meter
  /** The registry the call began with, which is let go of when it is settled. */
  #registry: Registry | undefined
  #attempt: Attempt | undefined
  #cancelled: GatewayError | undefined
  #wake: (() => void) | undefined
  #total: NodeJS.Timeout | undefined
  /** The answer that is open, until somebody begins to read its events: a generator that never ran cannot clean up. */
  #unread: Attempt | undefined

  constructor(input: ChatInput, shared: CallSharing) {
    this.#input = input
    this.#shared = shared
    this.#meter = new Meter(input, shared.recorder)
  }

  async open(): Promise<OpenedChat> {
    try {
      const route = this.#admit()
      this.#startTotal()
      const first = await this.#tryTargets(route.targets)
      return this.#opened(route, first)
    } catch (error) {
      const failure = this.#cancelled ?? asGatewayError(error)
      this.#settle(failure)
      throw failure
    }
  }

  cancel(reason: GatewayError): void {
    this.#cancelled ??= reason
    this.#attempt?.abort(this.#cancelled)
    this.#wake?.()
    if (this.#unread !== undefined) this.#leave(this.#unread, this.#cancelled)
  }

  #admit(): Route {
    const { principal, request, account } = this.#input
    authorize(principal, 'models:use')
    this.#meter.account(selectAccount(principal, account))
    this.#registry = this.#shared.registry.hold()
    const route = this.#registry.resolve(request.model, request.provider)
    authorizeModel(principal, route)
    return route
  }

  #startTotal(): void {
    const limit = Math.min(this.#shared.timeouts.total, this.#input.timeoutMs ?? Infinity)
    this.#total = setTimeout(() => this.cancel(timedOut('total')), limit)
  }

  /** Tries targets in order. The first event is the point of no return: after it the client has seen an answer. */
  async #tryTargets(targets: readonly Target[]): Promise<readonly ChatEvent[]> {
    let last: GatewayError | undefined
    for (const target of targets) {
      try {
        return await this.#tryTarget(target)
      } catch (error) {
        last = asGatewayError(error)
        if (this.#cancelled !== undefined || !mayFallBack(last)) throw last
      }
    }
    throw last ?? fail('model_not_found', 'the model leads to no target', { param: 'model' })
  }

  async #tryTarget(target: Target): Promise<readonly ChatEvent[]> {
    const { retries, budgetOf } = this.#shared
    const budget = budgetOf(target.provider)
    const most = this.#input.retries ?? retries.perTarget
    this.#meter.aimed(target, this.#registry?.model(target.provider, target.model) !== undefined)
    budget.request(performance.now())
    for (let tries = 1; ; tries++) {
      try {
        return await this.#try(target)
      } catch (error) {
        const failure = asGatewayError(error)
        const delay = tries > most ? undefined : retryDelay(failure, tries, retries, Math.random)
        if (
          this.#cancelled !== undefined ||
          delay === undefined ||
          !budget.take(performance.now(), this.#input.retries)
        )
          throw failure
        await this.#pause(delay)
      }
    }
  }

  async #try(target: Target): Promise<readonly ChatEvent[]> {
    if (this.#cancelled !== undefined) throw this.#cancelled
    const attempt = new Attempt(target, this.#shared)
    this.#attempt = attempt
    try {
      return await attempt.open(this.#input)
    } catch (error) {
      this.#attempt = undefined
      const failure = asGatewayError(error)
      this.#meter.attempted(attempt.record(this.#input.arrivedAt, failure))
      throw failure
    }
  }

  /** Waits before the next try; a cancelled call does not. */
  async #pause(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = setTimeout(resolve, milliseconds)
    })
    clearTimeout(timer)
    this.#wake = undefined
    if (this.#cancelled !== undefined) throw this.#cancelled
  }

  #opened(route: Route, first: readonly ChatEvent[]): OpenedChat {
    const attempt = this.#attempt
    if (attempt === undefined) throw fail('internal', 'the call has no target')
    const { provider, model } = attempt.target
    const served: Served = {
      requestId: this.#input.requestId,
      provider: provider.record.name,
      model,
      alias: route.alias === '' ? model : route.alias,
      elapsed: () => this.#meter.elapsed(),
    }
    const start = first.find(({ event }) => event.case === 'started')?.event
    const dropped = start?.case === 'started' ? start.value.dropped : []
    const events = this.#follow(attempt, first)
    this.#unread = attempt
    return { served, dropped, events }
  }

  async *#follow(attempt: Attempt, first: readonly ChatEvent[]): AsyncGenerator<readonly ChatEvent[], void, void> {
    this.#unread = undefined
    let ended = false
    let thrown: GatewayError | undefined
    try {
      for (let batch: readonly ChatEvent[] | undefined = first; batch !== undefined; batch = await attempt.next()) {
        this.#meter.observe(batch)
        yield batch
      }
      if (!this.#meter.finished) throw fail('provider_interrupted', 'the answer ended before it was complete')
      if (this.#meter.uncounted) yield [usageEvent(this.#meter.usage())]
      ended = true
    } catch (error) {
      thrown = this.#cancelled ?? asGatewayError(error)
      throw thrown
    } finally {
      this.#leave(
        attempt,
        ended
          ? undefined
          : (thrown ?? this.#cancelled ?? fail('client_closed', 'the client left before the answer was complete')),
      )
    }
  }

  /** The answer is over, or nobody reads it. */
  #leave(attempt: Attempt, failure: GatewayError | undefined): void {
    this.#unread = undefined
    attempt.close()
    this.#meter.attempted(attempt.record(this.#input.arrivedAt, failure))
    this.#settle(failure)
  }

  #settle(failure: GatewayError | undefined): void {
    clearTimeout(this.#total)
    this.#attempt = undefined
    if (this.#registry !== undefined) this.#shared.registry.release(this.#registry)
    this.#registry = undefined
    this.#meter.settle(failure)
  }
}
