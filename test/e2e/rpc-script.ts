import { once } from 'node:events'
import { fail, finished, FinishReason, type Part, started, textDelta, usage, usageEvent } from '#provider'
import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import type { CallContext, ChatEventInit, Provider } from '../../src/provider/contract.ts'

/** A provider that does what the model name says. */
export interface Script {
  readonly provider: Provider
  /** The requests as the provider got them. */
  readonly requests: ChatRequest[]
  /** Resolves when a call that waits for its end is aborted, with the reason. */
  readonly aborted: Promise<unknown>
}

function textOf(parts: readonly Part[]): string {
  return parts.map(({ kind }) => (kind.case === 'text' ? kind.value.text : '')).join('')
}

/** Makes one. `hello` answers; `wait` says one word and then nothing; `silent` says nothing; `refuse` and `break` fail. */
export function script(): Script {
  const requests: ChatRequest[] = []
  const { promise: aborted, resolve } = Promise.withResolvers<unknown>()

  async function untilAborted({ signal }: CallContext): Promise<never> {
    if (!signal.aborted) await once(signal, 'abort')
    resolve(signal.reason)
    throw signal.reason
  }

  async function* chat(request: ChatRequest, context: CallContext): AsyncGenerator<ChatEventInit, void, void> {
    requests.push(request)
    if (request.model === 'refuse') throw fail('rate_limited', 'slow down', { retryAfterSeconds: 7 })
    if (request.model === 'silent') await untilAborted(context)
    const dropped = request.model === 'drops' ? ['seed', 'naïve\r\nfield'] : []
    yield started({ id: 'answer-1', model: request.model, dropped })
    yield textDelta('hello')
    if (request.model === 'wait') await untilAborted(context)
    if (request.model === 'break') throw fail('provider_interrupted', 'the line broke')
    if (request.model === 'long') for (let piece = 0; piece < 4000; piece++) yield textDelta('x'.repeat(4096))
    yield textDelta(` ${textOf(request.messages[0]?.parts ?? [])}`)
    yield finished({ reason: FinishReason.STOP, upstreamReason: 'stop' })
    yield usageEvent(usage({ inputTokens: 3, outputTokens: 2 }))
  }

  async function countTokens(request: ChatRequest): Promise<{ inputTokens: number }> {
    requests.push(request)
    return { inputTokens: 7 }
  }

  return { provider: { chat, countTokens }, requests, aborted }
}
