import type { JsonReadOptions, JsonWriteOptions } from '@bufbuild/protobuf'
import { type ConnectRouter, createConnectRouter, type HandlerContext } from '@connectrpc/connect'
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node'
import type { UniversalHandlerOptions } from '@connectrpc/connect/protocol'
import { Health as HealthService } from '#gen/grpc/health/v1/health_pb.ts'
import type { Core } from '../core/contract.ts'
import { parseStrictJson } from '../dialects/json.ts'
import { checkRecording } from '../dialects/recording.ts'
import { fail } from '../error/index.ts'
import type { Once } from '../idempotency/once.ts'
import type { Logger } from '../provider/contract.ts'
import type { NodeRequest, NodeResponse } from './guard.ts'
import { OpenCalls } from './open-calls.ts'
import type { Health } from './health.ts'
import { isOffered, type Offered, permissions, services } from './policy.ts'
import { reflection } from './reflection.ts'
import { callOf, surfaceOf } from './rpc-call.ts'
import { batchService } from './rpc-batches.ts'
import { answerEvents, answerWhole, countTokens, type InferenceEdge, type SourceDecoders } from './rpc-inference.ts'
import { fileService } from './rpc-files.ts'
import { keyService } from './rpc-keys.ts'
import { usageService } from './rpc-usage.ts'
import { registryService } from './rpc-registry.ts'
import { videoMethods } from './rpc-videos.ts'
import { exchange, type ExchangeOptions, unknownMethod } from './rpc-exchange.ts'
import { shownError } from './rpc-explain.ts'
import { edgeInterceptor } from './rpc-interceptor.ts'
import { answeredOnce } from './rpc-once.ts'
import { pathOf } from './rpc-request.ts'

export type { SourceDecoders } from './rpc-inference.ts'

/** How much, and how slowly. */
export interface RpcLimits {
  /** Bytes of one message, before and after decompression. */
  readonly readBytes: number
  /** Milliseconds; a caller who asks for a longer deadline is refused. */
  readonly maxTimeoutMs: number
  /** Milliseconds that a client may pause in sending a request. */
  readonly bodyIdleMs: number
  /** Milliseconds that a client may stop reading an answer. */
  readonly writeStallMs: number
}

/** 32 MiB, 30 minutes, 30 seconds and a minute. */
export const defaultRpcLimits: RpcLimits = {
  readBytes: 32 * 1024 * 1024,
  maxTimeoutMs: 30 * 60_000,
  bodyIdleMs: 30_000,
  writeStallMs: 60_000,
}

/** What the RPC edge is made of. */
export interface RpcOptions {
  readonly core: Core
  readonly health: Health
  readonly limits: RpcLimits
  readonly log: Logger
  /** Reads the `source` of a chat request, by the name of its dialect; of other sources only the names of what is lost are kept. */
  readonly dialects?: ReadonlyMap<string, SourceDecoders>
  /** Answers calls that name a key once; without it, keys say nothing. */
  readonly once?: Once
  /** Aborted when the time to drain is over: what is still open ends with an error that says so. */
  readonly stopping?: AbortSignal
  /** Aborted when the time to drain begins: whoever follows the log is let go. */
  readonly draining?: AbortSignal
}

/** Serves a request when its path is one of an RPC, and says whether it is. */
export type RpcHandler = (request: NodeRequest, response: NodeResponse) => boolean

/**
 * The contract over gRPC, gRPC-Web and Connect, with health and reflection beside it. A caller is authenticated and authorised by
 * the path that also chooses the method, before any of the body is read.
 */
export function rpcHandler(options: RpcOptions): RpcHandler {
  const { limits, log } = options
  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: limits.readBytes,
    maxTimeoutMs: limits.maxTimeoutMs,
    jsonOptions: strictJson(),
  })
  contract(router, options)
  reflection(router, [...Object.values(services), HealthService])
  options.health.routes(router)
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]))
  const bases = new Set(router.handlers.map(({ requestPath }) => baseOf(requestPath)))
  const edge: ExchangeOptions = {
    core: options.core,
    log,
    writeStallMs: limits.writeStallMs,
    bodyIdleMs: limits.bodyIdleMs,
  }
  return (request, response) => {
    const path = pathOf(request)
    if (!bases.has(baseOf(path))) return false
    void exchange(edge, handlers.get(path) ?? unknownMethod(path), request, response)
    return true
  }
}

/** `/package.Service/` of `/package.Service/Method`. */
function baseOf(path: string): string {
  return path.slice(0, path.indexOf('/', 1) + 1)
}

/** Registers every service of the contract. Methods that this version does not have are refused at the gate. */
function contract(router: ConnectRouter, options: RpcOptions): void {
  const { core, log, once } = options
  const guarded: Partial<UniversalHandlerOptions> = { requestGate: gate(core), interceptors: [edgeInterceptor(log)] }
  const { InferenceService, BatchService } = services
  router.service(InferenceService, answeredOnce(InferenceService, inference(options), once), guarded)
  router.service(services.RegistryService, registryService(core), guarded)
  router.service(services.KeyService, keyService(core), guarded)
  router.service(services.UsageService, usageService(core, options.draining), guarded)
  router.service(BatchService, answeredOnce(BatchService, batchService(core), once), guarded)
  router.service(services.FileService, fileService(core), guarded)
}

/** Runs before the body is read: who calls, may they, and is there such a method in this version. */
function gate(core: Core): (context: HandlerContext) => void {
  const policy = permissions()
  return ({ method, values }) => {
    const call = callOf(values)
    try {
      call.principal = core.authenticate(call.token)
      const permission = policy.get(method)
      if (permission === undefined) throw fail('permission_denied', 'nobody may call this method')
      core.authorize(call.principal, permission)
      if (!isOffered(method)) {
        throw fail('unsupported_operation', `${method.parent.typeName}/${method.name} is not available in this version`)
      }
    } catch (thrown) {
      throw shownError(thrown, call)
    }
  }
}

function inference(options: RpcOptions): Offered<'InferenceService'> {
  const { core, stopping, dialects = new Map<string, SourceDecoders>() } = options
  const edge: InferenceEdge = { core, dialects, open: new OpenCalls() }
  stopping?.addEventListener('abort', () => {
    edge.open.cancel(fail('shutting_down', 'the gateway is stopping'))
  })
  return {
    listModels: ({ provider }, context) => {
      const { registry } = surfaceOf(core, context)
      return { models: [...registry.models(provider === '' ? undefined : provider)] }
    },
    chat: (request, context) => answerWhole(edge, 'chat', request, context),
    streamChat: (request, context) => answerEvents(edge, 'chat', request, context),
    countTokens: (request, context) => countTokens(edge, request, context),
    generate: (request, context) => answerWhole(edge, 'generate', request, context),
    streamGenerate: (request, context) => answerEvents(edge, 'generate', request, context),
    embed: (request, context) => answerWhole(edge, 'embed', request, context),
    generateImages: (request, context) => answerWhole(edge, 'generate_images', request, context),
    transcribe(request, context) {
      checkRecording(request, 'audio')
      return answerWhole(edge, 'transcribe', request, context)
    },
    synthesize: (request, context) => answerEvents(edge, 'synthesize', request, context),
    createVideo: (request, context) => answerWhole(edge, 'create_video', request, context),
    ...videoMethods(core),
    infer: (request, context) => answerWhole(edge, 'infer', request, context),
    streamInfer: (request, context) => answerEvents(edge, 'infer', request, context),
  }
}

/**
 * JSON as the contract takes it, in every protocol and for streams too: valid UTF-8, not too deep, no name twice and none that is
 * unknown. Connect decodes bytes with the decoder it finds among these options, which is the only place before it parses them.
 */
function strictJson(): Partial<JsonReadOptions & JsonWriteOptions> {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  const textDecoder = {
    decode(bytes: Uint8Array): string {
      const text = decodeUtf8(utf8, bytes)
      parseStrictJson(text)
      return text
    },
  }
  const options = { ignoreUnknownFields: false, textDecoder }
  return options
}

function decodeUtf8(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw fail('invalid_request', 'the body is not valid UTF-8', { cause })
  }
}
