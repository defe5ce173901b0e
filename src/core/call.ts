import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import type { Served } from '../dialects/contract.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import { usageEvent } from '../model/events.ts'
import { authorize, authorizeModel, selectAccount } from './admit.ts'
import { Attempt, type Surroundings } from './attempt.ts'
import type { ChatCall, ChatInput, LoadedProvider, OpenedChat, Route, Target } from './contract.ts'
import { timedOut } from './deadline.ts'
import { HoldBack } from './hold-back.ts'
import type { LiveRegistry } from './live.ts'
import { Meter, type Metering } from './meter.ts'
import type { Registry } from './resolve.ts'
import { mayFallBack, type RetryBudget, retryDelay, type RetryPolicy } from './retry.ts'

/** What all calls share. */
export interface CallSharing extends Surroundings, Metering {
  readonly registry: LiveRegistry
  readonly retries: RetryPolicy
  /** The most tokens that a model can write; undefined when that is not known. */
  readonly outputLimit?: (target: Target) => number | undefined
  /** The retries that all calls to one provider share. */
  readonly budgetOf: (provider: LoadedProvider) => RetryBudget
}

/**
 * The way of one chat call: admit, resolve, attempt, meter. The ledger has its intent before a provider is asked, and its settlement
 * before its client can see that the answer is complete.
 */
export class Chat implements ChatCall {
  readonly #input: ChatInput
  readonly #shared: CallSharing
  readonly #meter: Meter
  /** The registry the call began with, which is let go of when it is settled. */
  #registry: Registry | undefined
  /** What the ledger names it by; undefined until a provider may be asked. */
  #intent: number | undefined
  #attempt: Attempt | undefined
  #cancelled: GatewayError | undefined
  #wake: (() => void) | undefined
  #total: NodeJS.Timeout | undefined
  /** The answer that is open, until somebody begins to read its events: a generator that never ran cannot clean up. */
  #unread: Attempt | undefined

  constructor(input: ChatInput, shared: CallSharing) {
    this.#input = input
    this.#shared = shared
    this.#meter = new Meter({ ...input, operation: 'chat' }, shared)
  }

  async open(): Promise<OpenedChat> {
    try {
      const route = this.#admit()
      this.#startTotal()
      await this.#begin(route)
      const first = await this.#tryTargets(route.targets)
      return this.#opened(route, first)
    } catch (error) {
      const failure = this.#cancelled ?? asGatewayError(error)
      await this.#settleFailed(failure)
      throw failure
    }
  }

  cancel(reason: GatewayError): void {
    this.#cancelled ??= reason
    this.#attempt?.abort(this.#cancelled)
    this.#wake?.()
    if (this.#unread !== undefined) void this.#leave(this.#unread, this.#cancelled)
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

  async #begin({ targets: [first] }: Route): Promise<void> {
    const { ledger } = this.#shared
    if (ledger !== undefined && first !== undefined) this.#intent = await ledger.begin(this.#meter.intent(first))
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
      return await attempt.open(this.#questionFor(target), {
        trace: this.#meter.trying(),
        received: this.#meter.received,
      })
    } catch (error) {
      this.#attempt = undefined
      const failure = asGatewayError(error)
      this.#meter.attempted(attempt.record(this.#input.arrivedAt, failure))
      throw failure
    }
  }

  /** What was asked, within what the target can write where the client wants it so. */
  #questionFor(target: Target): ChatInput {
    const { request, capsOutput } = this.#input
    const asked = request.maxOutputTokens
    if (capsOutput !== true || asked === undefined) return this.#input
    const most = this.#shared.outputLimit?.(target) ?? asked
    return asked <= most ? this.#input : { ...this.#input, request: { ...request, maxOutputTokens: most } }
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
    const end = new HoldBack(Math.max(1, this.#input.request.n ?? 1))
    let thrown: GatewayError | undefined
    let isSettled = false
    try {
      for (let batch: readonly ChatEvent[] | undefined = first; batch !== undefined; batch = await attempt.next()) {
        this.#meter.observe(batch)
        const passed = end.pass(batch)
        if (passed.length > 0) yield passed
      }
      if (!this.#meter.finished) throw fail('provider_interrupted', 'the answer ended before it was complete')
      if (this.#meter.uncounted) end.add(usageEvent(this.#meter.usage()))
      isSettled = true
      this.#close(attempt, undefined)
      await this.#settle(undefined)
      if (end.held.length > 0) yield end.held
    } catch (error) {
      thrown = this.#cancelled ?? asGatewayError(error)
      throw thrown
    } finally {
      if (!isSettled) {
        const left = fail('client_closed', 'the client left before the answer was complete')
        await this.#leave(attempt, thrown ?? this.#cancelled ?? left)
      }
    }
  }

  /** The answer failed, or nobody reads it. Never rejects. */
  async #leave(attempt: Attempt, failure: GatewayError): Promise<void> {
    this.#unread = undefined
    this.#close(attempt, failure)
    await this.#settleFailed(failure)
  }

  #close(attempt: Attempt, failure: GatewayError | undefined): void {
    attempt.close()
    this.#meter.attempted(attempt.record(this.#input.arrivedAt, failure))
  }

  #settle(failure: GatewayError | undefined): Promise<void> {
    clearTimeout(this.#total)
    this.#attempt = undefined
    if (this.#registry !== undefined) this.#shared.registry.release(this.#registry)
    this.#registry = undefined
    return this.#meter.settle(failure, this.#intent)
  }

  /** Whoever waits is told of the failure itself, also where that could not be written: the ledger goes on trying. */
  async #settleFailed(failure: GatewayError): Promise<void> {
    try {
      await this.#settle(failure)
    } catch {
      // Told to the operator by the ledger.
    }
  }
}
