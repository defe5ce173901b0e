import type { CountTokensResponse } from '#gen/switchyard/v1/chat_pb.ts'
import { asGatewayError, fail, GatewayError } from '../error/index.ts'
import { lengthOf } from '../model/length.ts'
import { estimateTokens } from '../model/usage.ts'
import { conceal, secretsOf } from '../provider/conceal.ts'
import type { CountTokensInit } from '../provider/contract.ts'
import { authorize, authorizeModel, selectAccount } from './admit.ts'
import type { CallSharing } from './call.ts'
import type { CountInput, Target, TraceHeaders } from './contract.ts'
import { timedOut, Watch } from './deadline.ts'
import { Meter } from './meter.ts'
import { chat } from './operations/chat.ts'
import { outcomeOf } from './outcome.ts'
import type { Registry } from './resolve.ts'

/**
 * Counts what a chat request would read. The first target of the model counts, where its provider can; otherwise the number is
 * estimated from the length of the request, and says so. Throws what admission, resolution, the ledger or the provider throws, and has
 * then recorded it.
 */
export async function countTokens(input: CountInput, shared: CallSharing): Promise<CountTokensResponse> {
  using count = new Count(input, shared)
  try {
    const answer = await count.answer()
    await count.settle(undefined)
    return answer
  } catch (error) {
    const failure = asGatewayError(error)
    // What the ledger cannot keep it tells the operator; the caller is told what went wrong with the call.
    await count.settle(failure).catch(() => undefined)
    throw failure
  }
}

class Count implements Disposable {
  readonly #input: CountInput
  readonly #shared: CallSharing
  readonly #meter: Meter<'chat'>
  readonly #registry: Registry
  #intent: number | undefined

  constructor(input: CountInput, shared: CallSharing) {
    this.#input = input
    this.#shared = shared
    this.#meter = new Meter({ ...chat, name: 'count_tokens' }, { ...input, streaming: false }, shared)
    this.#registry = shared.registry.hold()
  }

  [Symbol.dispose](): void {
    this.#shared.registry.release(this.#registry)
  }

  settle(failure: GatewayError | undefined): Promise<void> {
    this.#shared.media?.forget(this.#input.request)
    return this.#meter.settle(failure, this.#intent)
  }

  async answer(): Promise<CountTokensResponse> {
    const { request } = this.#input
    const target = this.#admit()
    const count = await this.#attempt(target)
    return {
      $typeName: 'switchyard.v1.CountTokensResponse',
      inputTokens: count?.inputTokens ?? estimateTokens(lengthOf(request)),
      estimated: count?.estimated ?? count === undefined,
      dropped: [...(count?.dropped ?? [])],
    }
  }

  #admit(): Target {
    const { principal, request, account } = this.#input
    authorize(principal, 'models:use')
    this.#meter.account(selectAccount(principal, account))
    const route = this.#registry.resolve(request.model, request.provider)
    authorizeModel(principal, route)
    const [target] = route.targets
    if (target === undefined) throw fail('model_not_found', 'the model leads to no target', { param: 'model' })
    return target
  }

  /** What the target counts; undefined where it does not. */
  async #attempt(target: Target): Promise<CountTokensInit | undefined> {
    this.#meter.aimed(target, this.#registry.model(target.provider, target.model) !== undefined)
    if (target.provider.provider.countTokens === undefined) return undefined
    this.#intent = await this.#shared.ledger?.begin(this.#meter.intent(target))
    this.#input.signal.throwIfAborted()
    const began = this.#meter.elapsed()
    const tried = (error?: GatewayError): void => {
      const { provider, model } = target
      const duration = this.#meter.elapsed() - began
      this.#meter.attempted({ provider: provider.record.name, model, began, duration, ...outcomeOf(error) })
    }
    try {
      const trace = this.#meter.trying()
      const count = await ask(target, { ...this.#input, trace }, this.#shared, this.#meter.received)
      tried()
      return count
    } catch (error) {
      tried(asGatewayError(error))
      throw error
    }
  }
}

/** Asks the target; undefined where it tells that it does not count. */
async function ask(
  target: Target,
  { request, requestId, signal, trace }: Omit<CountInput, 'trace'> & { readonly trace: TraceHeaders | undefined },
  shared: CallSharing,
  received: (bytes: number) => void,
): Promise<CountTokensInit | undefined> {
  const { provider, credentials } = target.provider
  const controller = new AbortController()
  const abort = (): void => controller.abort(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  using watch = new Watch(() => controller.abort(timedOut('first_event')))
  watch.arm('first_event', shared.timeouts.firstEvent)
  try {
    const [credential] = credentials
    const { egress, log, media } = shared
    const context = {
      signal: controller.signal,
      streaming: false,
      requestId,
      egress,
      log,
      received,
      media,
      trace,
      credential,
    }
    return await provider.countTokens?.({ ...request, model: target.model, provider: '' }, context)
  } catch (error) {
    // A remote provider tells only by its answer that it does not count.
    if (error instanceof GatewayError && error.reason === 'unsupported_operation') return undefined
    throw error instanceof GatewayError ? conceal(secretsOf(credentials), error) : error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
