import { type ContextValues, createContextKey, createContextValues, type HandlerContext } from '@connectrpc/connect'
import type { Core, Principal, RequestIds, TraceHeaders } from '../core/contract.ts'
import type { Surface } from '../dialects/surface.ts'
import { fail, type GatewayError } from '../error/index.ts'

/** What is known of an RPC beside its message. */
export interface RpcCall extends RequestIds {
  /** Milliseconds of `performance.now()`. */
  readonly arrivedAt: number
  /** Aborted when the client is gone. */
  readonly clientGone: AbortSignal
  /** The caller's key, if there is one. */
  readonly token: string | undefined
  /** The trace that the client's request is part of. */
  readonly trace: TraceHeaders
  /** Bytes of its body that have been read. */
  bodyBytes: number
  /** Who calls; set before the body is read, and never for the open services. */
  principal?: Principal
  /** True from when the core has the call, and settles it. */
  begun?: boolean
  /** The id of the request whose answer is given again. */
  answeredAs?: string | undefined
  /** What the client was told first, when it was told an error. */
  failure?: GatewayError
}

const callKey = createContextKey<RpcCall | undefined>(undefined, { description: 'the RPC as the edge knows it' })

/** Puts the call where handlers find it. */
export function withCall(call: RpcCall): ContextValues {
  return createContextValues().set(callKey, call)
}

/** The call that a handler serves. */
export function callOf(values: ContextValues): RpcCall {
  const call = values.get(callKey)
  if (call === undefined) throw fail('internal', 'an RPC was served outside of the edge')
  return call
}

/** What the core wants to know of a call, whatever it asks. */
export function measuredBy({ id, clientRequestId, requestId, arrivedAt, bodyBytes, trace }: RpcCall) {
  return { id, clientRequestId, requestId, dialect: 'rpc', arrivedAt, requestBytes: bodyBytes, trace }
}

/** Who calls a method that needs a key. */
export function principalOf(call: RpcCall): Principal {
  if (call.principal === undefined) throw fail('unauthenticated', 'this method needs a key')
  return call.principal
}

/** What the caller of an RPC may ask of the gateway beside calls to models. */
export function surfaceOf(core: Core, context: HandlerContext): Surface {
  return core.surface(principalOf(callOf(context.values)))
}
