import type { CountTokensResponse } from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../error/index.ts'
import { estimateTokens } from '../model/usage.ts'
import { authorize, authorizeModel } from './admit.ts'
import type { CallSharing } from './call.ts'
import type { CountInput } from './contract.ts'
import { timedOut, Watch } from './deadline.ts'
import { lengthOf } from './meter.ts'

/**
 * Counts what a chat request would read. The first target of the model counts, where its provider can; otherwise the number is
 * estimated from the length of the request, and says so. Throws what admission, resolution or the provider throws.
 */
export async function countTokens(input: CountInput, shared: CallSharing): Promise<CountTokensResponse> {
  const { principal, request, requestId, signal } = input
  authorize(principal, 'models:use')
  const route = shared.registry.resolve(request.model, request.provider)
  authorizeModel(principal, route)
  const [target] = route.targets
  if (target === undefined) throw fail('model_not_found', 'the model leads to no target', { param: 'model' })
  const { provider, credentials } = target.provider
  const answer = (inputTokens: number, estimated: boolean): CountTokensResponse => ({
    $typeName: 'switchyard.v1.CountTokensResponse',
    inputTokens,
    estimated,
  })
  if (provider.countTokens === undefined) return answer(estimateTokens(lengthOf(request)), true)
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
    const count = await provider.countTokens({ ...request, model: target.model, provider: '' }, context)
    return answer(count.inputTokens ?? 0, count.estimated ?? false)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
