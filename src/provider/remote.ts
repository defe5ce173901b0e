import { toBinary } from '@bufbuild/protobuf'
import { type CallOptions, type Client, Code, ConnectError, createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import type { ChatEvent, ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import type { InferEvent, InferRequest } from '#gen/switchyard/v1/infer_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import type { Model } from '#gen/switchyard/v1/registry_pb.ts'
import type { GenerateEvent, GenerateRequest } from '#gen/switchyard/v1/text_pb.ts'
import { type Usage, UsageSchema } from '#gen/switchyard/v1/usage_pb.ts'
import { scrub } from '../dialects/scrub.ts'
import { fail, fromConnectError, GatewayError } from '../error/index.ts'
import { spell } from '../model/collect.ts'
import { spellGenerated } from '../model/generated.ts'
import { conceal, concealId, secretsOf } from './conceal.ts'
import type { CallContext, Credential, InferEventInit, Provider } from './contract.ts'
import { Session } from './session.ts'

/** What a remote provider may be told beside its address. */
export interface RemoteOptions {
  /** Sent as a bearer token by calls that bring no credential of their own. */
  readonly credential?: Credential
  /** The most bytes one message of the remote side may have, unpacked. 64 MiB when absent. */
  readonly maxMessageBytes?: number
}

/**
 * A provider behind a socket: any gRPC server that implements `switchyard.v1.InferenceService`, in any language.
 *
 * `address` is `http://host:port` for HTTP/2 without TLS, or `https://host:port`. The connection is opened by the first call,
 * shared by all, opened again when it is lost, and ended by `close`. Calls throw the remote side's own reasons, and
 * `provider_unreachable` or `provider_interrupted` for the connection's; an aborted call throws what the signal says.
 */
export function remoteProvider(address: string, options: RemoteOptions = {}): Provider {
  if (!isAddress(address)) {
    throw fail('invalid_request', 'a remote provider needs an address such as http://127.0.0.1:50051', {
      param: 'address',
    })
  }
  const sessionManager = new Session(address)
  const readMaxBytes = options.maxMessageBytes ?? 64 * 1024 * 1024
  const client = createClient(InferenceService, createGrpcTransport({ baseUrl: address, sessionManager, readMaxBytes }))
  const credential = options.credential
  const own = (context: CallContext): CallContext =>
    context.credential === undefined && credential !== undefined ? { ...context, credential } : context
  return {
    chat: (request, context) =>
      context.streaming
        ? events(client.streamChat, forOtherSide(request), own(context))
        : whole(client, forOtherSide(request), own(context)),
    countTokens: (request, context) => answerOf(client.countTokens, forOtherSide(request), own(context)),
    generate: (request, context) => generate(client, forOtherSide(request), own(context)),
    embed: (request, context) => answerOf(client.embed, forOtherSide(request), own(context)),
    generateImages: (request, context) => answerOf(client.generateImages, forOtherSide(request), own(context)),
    transcribe: (request, context) => answerOf(client.transcribe, forOtherSide(request), own(context)),
    synthesize: (request, context) => events(client.synthesize, forOtherSide(request), own(context)),
    createVideo: (request, context) => answerOf(client.createVideo, forOtherSide(request), own(context)),
    getVideo: (request, context) => answerOf(client.getVideo, request, own(context)),
    cancelVideo: (request, context) => answerOf(client.cancelVideo, request, own(context)),
    downloadVideo: (request, context) => streamed(client.downloadVideo, request, own(context)),
    infer: (request, context) => infer(client, forOtherSide(request), own(context)),
    listModels: (context) => listModels(client, own(context)),
    close: async () => sessionManager.close(),
  }
}

type InferenceClient = Client<typeof InferenceService>

/** The name of a provider means something here only, not at the other side. */
function forOtherSide<Request extends { readonly provider: string }>(request: Request): Request {
  return request.provider === '' ? request : { ...request, provider: '' }
}

function isAddress(address: string): boolean {
  return URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)
}

/** A signal that follows another, and is aborted as well when its scope is left before `end`: leaving a stream must cancel it. */
function cancellable(outer: AbortSignal) {
  const controller = new AbortController()
  const follow = () => controller.abort(outer.reason)
  let ended = false
  if (outer.aborted) follow()
  else outer.addEventListener('abort', follow, { once: true })
  return {
    signal: controller.signal,
    end: () => (ended = true),
    [Symbol.dispose]() {
      outer.removeEventListener('abort', follow)
      if (!ended) controller.abort()
    },
  }
}

async function* whole(
  client: InferenceClient,
  request: ChatRequest,
  context: CallContext,
): AsyncGenerator<readonly ChatEvent[], void, void> {
  const response = await answerOf(client.chat, request, context)
  yield spell(response)
}

/** The answer of a method that has one. */
async function answerOf<Request, Answer extends object>(
  method: (request: Request, options: CallOptions) => Promise<Answer>,
  request: Request,
  context: CallContext,
): Promise<Answer> {
  try {
    const answer = await method(request, callOptions(context))
    if ('upstreamRequestId' in answer) hideKey(answer as { upstreamRequestId: string }, context)
    if ('usage' in answer && answer.usage !== undefined) admitUntold(answer.usage as Usage)
    return answer
  } catch (thrown) {
    throw asThrown(thrown, context, false)
  }
}

/** The events of a method that streams an answer. */
async function* events<
  Request,
  Event extends { readonly event: { readonly case: string | undefined; readonly value?: unknown } },
>(
  method: (request: Request, options: CallOptions) => AsyncIterable<Event>,
  request: Request,
  context: CallContext,
): AsyncGenerator<Event, void, void> {
  for await (const item of streamed(method, request, context)) {
    if (item.event.case === 'started') hideKey(item.event.value as { upstreamRequestId: string }, context)
    if (item.event.case === 'usage') admitUntold(item.event.value as Usage)
    yield item
  }
}

/** What a method streams. Leaving the iteration cancels the call. */
async function* streamed<Request, Item>(
  method: (request: Request, options: CallOptions) => AsyncIterable<Item>,
  request: Request,
  context: CallContext,
): AsyncGenerator<Item, void, void> {
  using call = cancellable(context.signal)
  let begun = false
  try {
    for await (const item of method(request, { ...callOptions(context), signal: call.signal })) {
      begun = true
      yield item
    }
    call.end()
  } catch (thrown) {
    call.end()
    throw asThrown(thrown, context, begun)
  }
}

async function* generate(
  client: InferenceClient,
  request: GenerateRequest,
  context: CallContext,
): AsyncGenerator<GenerateEvent | readonly GenerateEvent[], void, void> {
  if (context.streaming) yield* events(client.streamGenerate, request, context)
  else yield spellGenerated(await answerOf(client.generate, request, context))
}

async function* infer(
  client: InferenceClient,
  request: InferRequest,
  context: CallContext,
): AsyncGenerator<InferEvent | readonly InferEventInit[], void, void> {
  if (context.streaming) {
    yield* events(client.streamInfer, request, context)
    return
  }
  const { response, usage, dropped, upstreamRequestId } = await answerOf(client.infer, request, context)
  yield [
    { event: { case: 'started', value: { dropped, upstreamRequestId } } },
    ...(response === undefined ? [] : [{ event: { case: 'chunk' as const, value: response } }]),
    ...(usage === undefined ? [] : [{ event: { case: 'usage' as const, value: usage } }]),
  ]
}

async function* listModels(client: InferenceClient, context: CallContext): AsyncGenerator<Model, void, void> {
  const { models } = await answerOf(client.listModels, {}, context)
  yield* models
}

function callOptions(context: CallContext) {
  const { credential } = context
  const headers: Record<string, string> = {
    'x-request-id': context.requestId,
    ...context.trace,
    ...(credential && { authorization: `Bearer ${credential.secret.reveal()}` }),
  }
  return { signal: context.signal, headers }
}

/** What a failed call throws: the signal's reason, the remote side's own error, or what became of the connection. */
function asThrown(thrown: unknown, context: CallContext, begun: boolean): unknown {
  if (context.signal.aborted) return context.signal.reason
  const error = ConnectError.from(thrown)
  if (error.cause instanceof GatewayError) return error.cause
  if (answered(error, begun)) return told(fromConnectError(error), context)
  if (error.code === Code.ResourceExhausted) {
    return fail('provider_error', 'the answer of the provider is too large', { cause: thrown })
  }
  if (!begun && isNodeError(error.cause)) {
    return fail('provider_unreachable', 'no connection to the provider', { cause: thrown })
  }
  return fail('provider_interrupted', 'the connection to the provider broke', { cause: thrown })
}

/** The other side's own error, made safe to show as a vendor's is: its words, and its id of the call, may hold our key. */
function told(error: GatewayError, { credential }: CallContext): GatewayError {
  const { reason, message, details } = conceal(secretsOf([credential]), error)
  return fail(reason, scrub(message), details)
}

function hideKey(head: { upstreamRequestId: string }, { credential }: CallContext): void {
  if (head.upstreamRequestId !== '') head.upstreamRequestId = concealId(secretsOf([credential]), head.upstreamRequestId)
}

/** A usage without anything in it tells nothing: on the wire, what is zero and what was never set are the same. */
function admitUntold(usage: Usage): void {
  if (toBinary(UsageSchema, usage).length > 0) return
  usage.inputUnknown = true
  usage.outputUnknown = true
}

/** Whether the other side, or a proxy before it, said what is wrong. A broken connection has no metadata of its own. */
function answered({ metadata }: ConnectError, begun: boolean): boolean {
  return metadata.has('grpc-status') || (!begun && [...metadata.keys()].length > 0)
}

function isNodeError(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string'
}
