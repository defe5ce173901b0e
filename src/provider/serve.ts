import { randomUUID } from 'node:crypto'
import { ConnectError, type ConnectRouter, type HandlerContext, type ServiceImpl } from '@connectrpc/connect'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import { fail, GatewayError, toConnectError } from '../error/index.ts'
import { collect } from '../model/collect.ts'
import { completeEvents } from './complete.ts'
import type { CallContext, ModelInit, Provider } from './contract.ts'
import { otherMethods } from './serve-operations.ts'

/** What a published provider works with: the parts of its `CallContext` that no call brings along. */
export type ServeOptions = Pick<CallContext, 'egress' | 'log' | 'credential'>

/**
 * Publishes a provider as `switchyard.v1.InferenceService`, to be served by connect-node or its like: the other side of
 * `remoteProvider`. Operations the provider lacks answer Unimplemented. Asks no caller for a key: an interceptor may.
 */
export function serveProvider(provider: Provider, options: ServeOptions): (router: ConnectRouter) => void {
  const service: Partial<ServiceImpl<typeof InferenceService>> = otherMethods(provider, {
    context: (handler, streaming) => callOf(handler, options, streaming),
    error: rpcError,
  })
  const { chat, listModels } = bound(provider)
  if (chat) {
    service.chat = (request, handler) => {
      const call = callOf(handler, options, false)
      return collect(completeEvents(rpcErrors(chat(request, call), call)))
    }
    service.streamChat = async function* streamChat(request, handler) {
      const call = callOf(handler, options, true)
      for await (const batch of completeEvents(rpcErrors(chat(request, call), call))) yield* batch
    }
  }
  if (listModels) {
    service.listModels = async (_, handler) => {
      const call = callOf(handler, options, false)
      const models: ModelInit[] = []
      for await (const model of rpcErrors(listModels(call), call)) models.push(model)
      return { models }
    }
  }
  return (router) => void router.service(InferenceService, service)
}

function bound(provider: Provider): Pick<Provider, 'chat' | 'listModels'> {
  return {
    ...(provider.chat && { chat: provider.chat.bind(provider) }),
    ...(provider.listModels && { listModels: provider.listModels.bind(provider) }),
  }
}

function callOf(handler: HandlerContext, options: ServeOptions, streaming: boolean): CallContext {
  const requestId = handler.requestHeader.get('x-request-id') ?? randomUUID()
  handler.responseHeader.set('x-request-id', requestId)
  return { ...options, signal: handler.signal, streaming, requestId }
}

/** The same items; what the provider throws becomes an RPC error. */
async function* rpcErrors<Item>(items: AsyncIterable<Item>, call: CallContext): AsyncGenerator<Item, void, void> {
  try {
    yield* items
  } catch (thrown) {
    throw rpcError(thrown, call)
  }
}

/** What a provider threw as an RPC error. What it should not have thrown is logged. */
function rpcError(thrown: unknown, call: CallContext): ConnectError {
  if (thrown instanceof GatewayError || thrown instanceof ConnectError) return toConnectError(thrown, call.requestId)
  call.log.error({ requestId: call.requestId, err: thrown }, 'the provider failed')
  return toConnectError(fail('provider_error', 'the provider failed', { cause: thrown }), call.requestId)
}
