import type { HandlerContext } from '@connectrpc/connect'
import type { ChatEvent, ChatRequest, ChatResponse, CountTokensResponse, Source } from '#gen/switchyard/v1/chat_pb.ts'
import type { ChatCall, Core, OpenedChat } from '../core/contract.ts'
import { fail } from '../error/index.ts'
import { collect } from '../model/collect.ts'
import type { OpenCalls } from './open-calls.ts'
import { droppedHeader } from './reply.ts'
import { callOf, measuredBy, principalOf, type RpcCall } from './rpc-call.ts'

/**
 * Reads a body in the words of a dialect, and what of its headers belongs to it, as that dialect's own endpoint would; `model` is
 * for dialects that have it in the path. Throws `invalid_request`.
 */
export type SourceDecoder = (source: Pick<Source, 'body' | 'headers'>, model: string) => ChatRequest

/** How the bodies of a dialect are read: those of chats, and those of questions of how much a chat would read. */
export interface SourceDecoders {
  readonly chat: SourceDecoder
  readonly count: SourceDecoder
}

/** What chat over RPC needs. */
export interface ChatEdge {
  readonly core: Core
  /** By the name of the dialect; of a source in any other dialect only the names of what is lost are kept. */
  readonly dialects: ReadonlyMap<string, SourceDecoders>
  /** The calls that are open, so that they can be ended when the gateway stops. */
  readonly open: OpenCalls
}

/** Serves `Chat`: the whole answer, or the error that ended it. */
export async function chat(edge: ChatEdge, request: ChatRequest, context: HandlerContext): Promise<ChatResponse> {
  using started = start(edge, request, context, false)
  return collect(await started.events())
}

/** Serves `StreamChat`. Nothing is sent before the first event, so that a failure up to there is a plain error. */
export async function* streamChat(
  edge: ChatEdge,
  request: ChatRequest,
  context: HandlerContext,
): AsyncGenerator<ChatEvent, void, void> {
  using started = start(edge, request, context, true)
  for await (const batch of await started.events()) yield* batch
}

/** Serves `CountTokens`. */
export async function countTokens(
  edge: Pick<ChatEdge, 'core' | 'dialects'>,
  message: ChatRequest,
  context: HandlerContext,
): Promise<CountTokensResponse> {
  const rpc = callOf(context.values)
  const input = {
    ...measuredBy(rpc),
    principal: principalOf(rpc),
    request: trusted(message, edge, context, 'count'),
    signal: context.signal,
  }
  rpc.begun = true
  const count = await edge.core.countTokens(input)
  if (count.dropped.length > 0) context.responseHeader.set('x-switchyard-dropped', droppedHeader(count.dropped))
  return count
}

/** A call that is cancelled when its client leaves. */
interface Started extends Disposable {
  /** Opens the call and names what was dropped in the response headers. */
  events(): Promise<OpenedChat['events']>
}

function start(edge: ChatEdge, message: ChatRequest, context: HandlerContext, streaming: boolean): Started {
  const rpc = callOf(context.values)
  const call = edge.core.chat({
    ...measuredBy(rpc),
    principal: principalOf(rpc),
    request: trusted(message, edge, context, 'chat'),
    streaming,
    ...remainingTime(context),
  })
  rpc.begun = true
  const endWatch = cancelWhenGone(rpc, call)
  const place = edge.open.add(call)
  return {
    async events() {
      const opened = await call.open()
      if (opened.dropped.length > 0) context.responseHeader.set('x-switchyard-dropped', droppedHeader(opened.dropped))
      return opened.events
    },
    [Symbol.dispose]() {
      edge.open.remove(place)
      endWatch()
    },
  }
}

/** Cancels the call when the client is gone. Gives what ends the watch. */
function cancelWhenGone({ clientGone }: RpcCall, call: ChatCall): () => void {
  const cancel = () => call.cancel(fail('client_closed', 'the client left before the answer was complete'))
  if (clientGone.aborted) cancel()
  else clientGone.addEventListener('abort', cancel, { once: true })
  return () => clientGone.removeEventListener('abort', cancel)
}

/** The caller's deadline as time left. Throws `timeout` when it has passed. */
function remainingTime(context: HandlerContext): { readonly timeoutMs?: number } {
  const left = context.timeoutMs()
  if (left === undefined) return {}
  if (left <= 0) throw fail('timeout', "the caller's deadline passed before the call began", { timer: 'total' })
  return { timeoutMs: left }
}

/**
 * The message as it may be believed. Its source is the word of whoever sent it, and could say something else than the message,
 * which is what the call is admitted by; so it is decoded again here, and only where the call goes is taken from the message. Words
 * of a dialect that nobody here reads go nowhere, but what of them the message does not say is still to be named as dropped.
 * Strictness may be asked for by the header that the other APIs have for it, too.
 */
function trusted(
  message: ChatRequest,
  { dialects }: Pick<ChatEdge, 'dialects'>,
  { requestHeader }: HandlerContext,
  operation: keyof SourceDecoders,
): ChatRequest {
  const { source, model, provider } = message
  const strict = message.strict || requestHeader.get('x-switchyard-strict') === 'true'
  if (source === undefined) return strict === message.strict ? message : { ...message, strict }
  const decode = dialects.get(source.dialect)?.[operation]
  if (decode === undefined) return { ...message, source: { ...source, body: '', headers: {} }, strict }
  return { ...decode(source, model), model, provider, strict }
}
