import type { HandlerContext } from '@connectrpc/connect'
import type { TranscribeRequest } from '#gen/switchyard/v1/audio_pb.ts'
import type { ChatRequest, CountTokensResponse, Source } from '#gen/switchyard/v1/chat_pb.ts'
import type { Cancellable, Core, ModelCall, OpenedCall } from '../core/contract.ts'
import type { OperationName, Operations } from '../dialects/operation.ts'
import { fail } from '../error/index.ts'
import type { OpenCalls } from './open-calls.ts'
import { droppedHeader } from './reply.ts'
import { callOf, measuredBy, principalOf, type RpcCall } from './rpc-call.ts'

/** Questions that may bring the body of a dialect along. */
type SourcedName = OperationName | 'count_tokens'

type RequestOf<Name extends SourcedName> = Name extends OperationName ? Operations[Name]['request'] : ChatRequest

/**
 * Reads a body in the words of a dialect, and what of its headers belongs to it, as that dialect's own endpoint would; `model` is
 * for dialects that have it in the path. Undefined for a body that asks something else. Throws `invalid_request`.
 */
export type SourceDecoder<Name extends SourcedName> = (
  source: Pick<Source, 'body' | 'headers'>,
  model: string,
) => RequestOf<Name> | undefined

/** How the bodies of a dialect are read, by what they ask. */
export type SourceDecoders = { readonly [Name in SourcedName]?: SourceDecoder<Name> }

/** What calls to models over RPC need. */
export interface InferenceEdge {
  readonly core: Core
  /** By the name of the dialect; of a source in any other dialect only the names of what is lost are kept. */
  readonly dialects: ReadonlyMap<string, SourceDecoders>
  /** The calls that are open, so that they can be ended when the gateway stops. */
  readonly open: OpenCalls
}

/** Serves an operation as one answer, or the error that ended it. */
export async function answerWhole<Name extends OperationName>(
  edge: InferenceEdge,
  name: Name,
  request: Operations[Name]['request'],
  context: HandlerContext,
): Promise<Operations[Name]['response']> {
  using started = start(edge, name, request, context, false)
  const opened = await started.open()
  return await opened.whole()
}

/** Serves an operation as its events. Nothing is sent before the first one, so that a failure up to there is a plain error. */
export async function* answerEvents<Name extends OperationName>(
  edge: InferenceEdge,
  name: Name,
  request: Operations[Name]['request'],
  context: HandlerContext,
): AsyncGenerator<Operations[Name]['event'], void, void> {
  using started = start(edge, name, request, context, true)
  const { events } = await started.open()
  for await (const batch of events) yield* batch
}

/** Serves `CountTokens`. */
export async function countTokens(
  edge: Pick<InferenceEdge, 'core' | 'dialects'>,
  message: ChatRequest,
  context: HandlerContext,
): Promise<CountTokensResponse> {
  const rpc = callOf(context.values)
  const input = {
    ...measuredBy(rpc),
    principal: principalOf(rpc),
    request: trusted('count_tokens', message, edge, context),
    signal: context.signal,
  }
  rpc.begun = true
  const count = await edge.core.countTokens(input)
  if (count.dropped.length > 0) context.responseHeader.set('x-switchyard-dropped', droppedHeader(count.dropped))
  return count
}

/** A call that is cancelled when its client leaves. */
interface Started<Name extends OperationName> extends Disposable {
  /** Opens the call and names what was dropped in the response headers. */
  open(): Promise<OpenedCall<Name>>
}

function start<Name extends OperationName>(
  edge: InferenceEdge,
  name: Name,
  message: Operations[Name]['request'],
  context: HandlerContext,
  streaming: boolean,
): Started<Name> {
  const rpc = callOf(context.values)
  const call: ModelCall<Name> = edge.core.call(name, {
    ...measuredBy(rpc),
    principal: principalOf(rpc),
    request: trusted<Name>(name, message as Trustable<Name>, edge, context),
    streaming,
    ...remainingTime(context),
  })
  rpc.begun = true
  const endWatch = cancelWhenGone(rpc, call)
  const place = edge.open.add(call)
  return {
    async open() {
      const opened = await call.open()
      if (opened.dropped.length > 0) context.responseHeader.set('x-switchyard-dropped', droppedHeader(opened.dropped))
      return opened
    },
    [Symbol.dispose]() {
      edge.open.remove(place)
      endWatch()
    },
  }
}

/** Cancels the call when the client is gone. Gives what ends the watch. */
function cancelWhenGone({ clientGone }: RpcCall, call: Cancellable): () => void {
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

/** What every question over RPC has. */
type Trustable<Name extends SourcedName> = RequestOf<Name> & {
  readonly model: string
  readonly provider: string
  readonly strict: boolean
  readonly source?: Source | undefined
}

/**
 * The message as it may be believed. Its source is the word of whoever sent it, and could say something else than the message,
 * which is what the call is admitted by; so it is decoded again here, and only where the call goes is taken from the message. Words
 * of a dialect that nobody here reads go nowhere, but what of them the message does not say is still to be named as dropped.
 * Strictness may be asked for by the header that the other APIs have for it, too.
 */
function trusted<Name extends SourcedName>(
  name: Name,
  message: Trustable<Name>,
  { dialects }: Pick<InferenceEdge, 'dialects'>,
  { requestHeader }: HandlerContext,
): RequestOf<Name> {
  const { source, model, provider } = message
  const strict = message.strict || requestHeader.get('x-switchyard-strict') === 'true'
  if (source === undefined) return strict === message.strict ? message : { ...message, strict }
  const decoders: SourceDecoders | undefined = dialects.get(source.dialect)
  const decode = decoders?.[name]
  const decoded = decode?.(source, model)
  if (decoded === undefined) return { ...message, source: { ...source, body: '', headers: {} }, strict }
  return { ...decoded, ...besideText(message), model, provider, strict }
}

/** What of a question no text of a dialect carries: a recording, and whether it is to be translated, which is said by the path. */
function besideText(message: { readonly $typeName: string }): object {
  if (message.$typeName !== 'switchyard.v1.TranscribeRequest') return {}
  const { audio, mediaType, fileName, translate } = message as TranscribeRequest
  return { audio, mediaType, fileName, translate }
}
