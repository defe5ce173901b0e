import type { CountTokensResponse } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, GatewayError } from '../error/index.ts'
import { lengthOf } from '../model/length.ts'
import { estimateTokens } from '../model/usage.ts'
import type { CountTokensInit } from '../provider/contract.ts'
import { authorize, authorizeModel } from './admit.ts'
import type { CallSharing } from './call.ts'
import type { CountInput, Route, Target } from './contract.ts'
import { timedOut, Watch } from './deadline.ts'

/**
 * Counts what a chat request would read. The first target of the model counts, where its provider can; otherwise the number is
 * estimated from the length of the request, and says so. Throws what admission, resolution or the provider throws.
 */
export async function countTokens(input: CountInput, shared: CallSharing): Promise<CountTokensResponse> {
  const { principal, request } = input
  authorize(principal, 'models:use')
  const registry = shared.registry.hold()
  try {
    const route = registry.resolve(request.model, request.provider)
    authorizeModel(principal, route)
    return await countAt(route, input, shared)
  } finally {
    shared.registry.release(registry)
  }
}

async function countAt({ targets }: Route, input: CountInput, shared: CallSharing): Promise<CountTokensResponse> {
  const { request } = input
  const [target] = targets
  if (target === undefined) throw fail('model_not_found', 'the model leads to no target', { param: 'model' })
  const count = await ask(target, input, shared)
  return {
    $typeName: 'switchyard.v1.CountTokensResponse',
    inputTokens: count?.inputTokens ?? estimateTokens(lengthOf(request)),
    estimated: count?.estimated ?? count === undefined,
    dropped: [...(count?.dropped ?? [])],
  }
}

/** What the target counts; undefined where it does not. */
async function ask(target: Target, input: CountInput, shared: CallSharing): Promise<CountTokensInit | undefined> {
  const { provider, credentials } = target.provider
  if (provider.countTokens === undefined) return undefined
  const { request, requestId, signal } = input
  const controller = new AbortController()
  const abort = (): void => controller.abort(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  using watch = new Watch(() => controller.abort(timedOut('first_event')))
  watch.arm('first_event', shared.timeouts.firstEvent)
  try {
    const [credential] = credentials
    const { egress, log } = shared
    const context = {
      signal: controller.signal,
      streaming: false,
      requestId,
      egress,
      log,
      ...(credential !== undefined && { credential }),
    }
    return await provider.countTokens({ ...request, model: target.model, provider: '' }, context)
  } catch (error) {
    // A remote provider tells only by its answer that it does not count.
    if (error instanceof GatewayError && error.reason === 'unsupported_operation') return undefined
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
