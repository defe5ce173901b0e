import type { OperationName, Operations, Served } from '../dialects/operation.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import type { MediaPublisher } from '../provider/media-link.ts'
import { authorize, authorizeModel, selectAccount } from './admit.ts'
import { Attempt, type Surroundings } from './attempt.ts'
import type { CallInput, LoadedProvider, ModelCall, OpenedCall, Route, Target } from './contract.ts'
import { timedOut } from './deadline.ts'
import type { LiveRegistry } from './live.ts'
import { Meter, type Metering } from './meter.ts'
import type { Operation } from './operation.ts'
import type { Registry } from './resolve.ts'
import { mayFallBack, type RetryBudget, retryDelay, type RetryPolicy } from './retry.ts'

/** What all calls share. */
export interface CallSharing extends Surroundings, Metering {
  readonly registry: LiveRegistry
  readonly retries: RetryPolicy
  /** The most tokens that a model can write; undefined when that is not known. */
  readonly outputLimit?: (target: Target) => number | undefined
  /** What keeps large media of an account. Absent where links to this gateway lead nowhere. */
  readonly publisherOf?: (account: string) => MediaPublisher
  /** The retries that all calls to one provider share. */
  readonly budgetOf: (provider: LoadedProvider) => RetryBudget
}

/**
 * The way of one call: admit, resolve, attempt, meter. The ledger has its intent before a provider is asked, and its settlement
 * before its client can see that the answer is complete.
 */
export class Call<Name extends OperationName> implements ModelCall<Name> {
  readonly #operation: Operation<Name>
  readonly #input: CallInput<Name>
  readonly #shared: CallSharing
  readonly #meter: Meter<Name>
  /** The registry the call began with, which is let go of when it is settled. */
  #registry: Registry | undefined
  /** What the ledger names it by; undefined until a provider may be asked. */
  #intent: number | undefined
  #attempt: Attempt<Name> | undefined
  #route: Route | undefined
  /** What was tried last. */
  #target: Target | undefined
  #cancelled: GatewayError | undefined
  #wake: (() => void) | undefined
  #total: NodeJS.Timeout | undefined
  /** For its intent: milliseconds. */
  #waited = 0
  /** The answer that is open, until somebody begins to read its events: a generator that never ran cannot clean up. */
  #unread: Attempt<Name> | undefined

  constructor(operation: Operation<Name>, input: CallInput<Name>, shared: CallSharing) {
    this.#operation = operation
    this.#input = input
    this.#shared = shared
    this.#meter = new Meter(operation, input, shared)
  }

  get asked(): Served | undefined {
    return this.#route && this.#target && this.#servedBy(this.#route, this.#target)
  }

  async open(): Promise<OpenedCall<Name>> {
    try {
      const route = this.#admit()
      this.#route = route
      await this.#begin(route)
      this.#startTotal()
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

  /** The time of the call itself: a line of a batch may have waited long for its turn. The caller's own deadline has gone on meanwhile. */
  #startTotal(): void {
    const limit = Math.min(this.#shared.timeouts.total, (this.#input.timeoutMs ?? Infinity) - this.#waited)
    if (limit <= 0) throw timedOut('total')
    this.#total = setTimeout(() => this.cancel(timedOut('total')), limit)
  }

  async #begin({ targets: [first] }: Route): Promise<void> {
    const { ledger } = this.#shared
    const asked = performance.now()
    if (ledger !== undefined && first !== undefined) this.#intent = await ledger.begin(this.#meter.intent(first))
    this.#waited = performance.now() - asked
  }

  /** Tries targets in order. The first event is the point of no return: after it the client has seen an answer. */
  async #tryTargets(targets: readonly Target[]): Promise<readonly Operations[Name]['event'][]> {
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

  async #tryTarget(target: Target): Promise<readonly Operations[Name]['event'][]> {
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

  async #try(target: Target): Promise<readonly Operations[Name]['event'][]> {
    if (this.#cancelled !== undefined) throw this.#cancelled
    const attempt = new Attempt(this.#operation, target, this.#shared)
    this.#target = target
    this.#attempt = attempt
    try {
      return await attempt.open(this.#questionFor(target), {
        trace: this.#meter.trying(),
        received: this.#meter.received,
        consumed: this.#meter.consumed,
        publisher: this.#shared.publisherOf?.(this.#meter.whose),
      })
    } catch (error) {
      this.#attempt = undefined
      const failure = asGatewayError(error)
      this.#meter.attempted(attempt.record(this.#input.arrivedAt, failure))
      throw failure
    }
  }

  /** What was asked, within what the target can write where the client wants it so. */
  #questionFor(target: Target): CallInput<Name> {
    const { request, capsOutput } = this.#input
    if (capsOutput !== true || this.#operation.capped === undefined) return this.#input
    const capped = this.#operation.capped(request, () => this.#shared.outputLimit?.(target))
    return capped === request ? this.#input : { ...this.#input, request: capped }
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

  #opened(route: Route, first: readonly Operations[Name]['event'][]): OpenedCall<Name> {
    const attempt = this.#attempt
    if (attempt === undefined) throw fail('internal', 'the call has no target')
    const served = this.#servedBy(route, attempt.target)
    const dropped = this.#operation.head(first)?.dropped ?? []
    const events = this.#follow(attempt, first)
    this.#unread = attempt
    return { served, dropped, first, events, whole: () => this.#whole(events) }
  }

  #servedBy({ alias }: Route, { provider, model }: Target): Served {
    return {
      requestId: this.#input.requestId,
      provider: provider.record.name,
      model,
      alias: alias === '' ? model : alias,
      elapsed: () => this.#meter.elapsed(),
    }
  }

  async #whole(events: AsyncIterable<readonly Operations[Name]['event'][]>): Promise<Operations[Name]['response']> {
    const fold = this.#operation.fold()
    for await (const batch of events) fold.add(batch)
    return fold.response()
  }

  async *#follow(
    attempt: Attempt<Name>,
    first: readonly Operations[Name]['event'][],
  ): AsyncGenerator<readonly Operations[Name]['event'][], void, void> {
    this.#unread = undefined
    const end = this.#operation.end(this.#input.request)
    let thrown: GatewayError | undefined
    let isSettled = false
    try {
      for (
        let batch: readonly Operations[Name]['event'][] | undefined = first;
        batch !== undefined;
        batch = await attempt.next()
      ) {
        this.#meter.observe(batch)
        const passed = end.pass(batch)
        if (passed.length > 0) yield passed
      }
      if (!this.#meter.complete) throw fail('provider_interrupted', 'the answer ended before it was complete')
      if (this.#meter.uncounted) end.addUsage(this.#meter.usage())
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
  async #leave(attempt: Attempt<Name>, failure: GatewayError): Promise<void> {
    this.#unread = undefined
    this.#close(attempt, failure)
    await this.#settleFailed(failure)
  }

  #close(attempt: Attempt<Name>, failure: GatewayError | undefined): void {
    attempt.close()
    this.#meter.attempted(attempt.record(this.#input.arrivedAt, failure))
  }

  #settle(failure: GatewayError | undefined): Promise<void> {
    clearTimeout(this.#total)
    this.#attempt = undefined
    if (this.#registry !== undefined) this.#shared.registry.release(this.#registry)
    this.#registry = undefined
    this.#shared.media?.forget(this.#input.request)
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
