import { once } from 'node:events'
import { fail, upstreamError } from '#provider'
import { type Fault, readModel } from './models.ts'

/** What an upstream's answer with this HTTP status leads to. */
export function statusError(status: number): Error {
  const message = `[simulated] the upstream answered ${status}`
  return upstreamError({ status, message, ...(status === 429 && { retryAfterSeconds: 1 }) })
}

/** Never resolves. Throws the signal's reason as soon as it is aborted. */
async function forever(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw signal.reason
}

/** Does what a model is for that fails before it answers. Throws as `readModel` does, and the signal's reason. */
export async function failFirst(model: string, signal: AbortSignal): Promise<void> {
  const { fault } = readModel(model)
  signal.throwIfAborted()
  await failAtOnce(fault, signal)
}

/** The same for a fault that is known. */
export async function failAtOnce(fault: Fault | undefined, signal: AbortSignal): Promise<void> {
  if (fault?.kind === 'status') throw statusError(fault.status)
  if (fault?.kind === 'silence') await forever(signal)
}

/** What becomes of an answer at its fault: throws, at once or when the call is aborted. */
export async function suffer({ kind }: Fault, signal: AbortSignal): Promise<never> {
  if (kind === 'cut') throw fail('provider_interrupted', '[simulated] the answer ended before it was complete')
  if (kind === 'error') throw fail('provider_error', '[simulated] the provider failed in the middle of its answer')
  return forever(signal)
}
