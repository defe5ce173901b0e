import type { DescMethod, DescService } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import {
  createAsyncIterable,
  type UniversalHandlerFn,
  type UniversalServerResponse,
} from '@connectrpc/connect/protocol'
import { errorToJsonBytes } from '@connectrpc/connect/protocol-connect'
import { setTrailerStatus } from '@connectrpc/connect/protocol-grpc'
import type { Core } from '../core/contract.ts'
import { GatewayError } from '../error/index.ts'
import { traceHeadersOf } from '../core/trace.ts'
import type { Logger } from '../provider/contract.ts'
import type { NodeRequest, NodeResponse } from './guard.ts'
import { dropRest } from './intake.ts'
import { services } from './policy.ts'
import { headerOf, tokenOf } from './reply.ts'
import { requestIdsOf } from './request-id.ts'
import { measuredBy, type RpcCall } from './rpc-call.ts'
import { explained, explainTrailer } from './rpc-explain.ts'
import { type BodyProgress, universalRequest, pathOf } from './rpc-request.ts'
import { ResponseWriter } from './rpc-response.ts'

/** What every exchange shares. */
export interface ExchangeOptions {
  readonly core: Core
  readonly log: Logger
  /** Milliseconds. */
  readonly bodyIdleMs: number
  /** Milliseconds. */
  readonly writeStallMs: number
}

/** Answers one request, whatever its protocol. The method is known unless there is none of that name. */
export type RpcResponder = UniversalHandlerFn & { readonly method?: DescMethod }

/** The answer for a method that a service of ours does not have: UNIMPLEMENTED, as HTTP 404 except in gRPC. */
export function unknownMethod(path: string): RpcResponder {
  const error = new ConnectError(`there is no method ${path}`, Code.Unimplemented)
  return ({ header }) => {
    const type = header.get('content-type') ?? ''
    const isGrpc = type.startsWith('application/grpc') && !type.startsWith('application/grpc-web')
    return Promise.resolve(isGrpc ? grpcFailure(error) : notFound(error))
  }
}

function grpcFailure(error: ConnectError): UniversalServerResponse {
  const header = new Headers({ 'content-type': 'application/grpc+proto' })
  return { status: 200, header, trailer: setTrailerStatus(new Headers(), error) }
}

function notFound(error: ConnectError): UniversalServerResponse {
  const header = new Headers({ 'content-type': 'application/json' })
  return { status: 404, header, body: createAsyncIterable([errorToJsonBytes(error, undefined)]) }
}

/** Takes one request through its handler and writes the answer. Never throws: what fails here is logged, and the client cut off. */
export async function exchange(
  options: ExchangeOptions,
  respond: RpcResponder,
  request: NodeRequest,
  response: NodeResponse,
): Promise<void> {
  const call: RpcCall = {
    ...requestIdsOf(headerOf(request, 'x-request-id')),
    bodyBytes: 0,
    arrivedAt: performance.now(),
    clientGone: goneSignal(response),
    token: tokenOf(request),
    trace: traceHeadersOf((name) => headerOf(request, name)),
  }
  const progress: BodyProgress = { complete: false }
  // A stream of questions may pause for as long as its client likes.
  const idle = respond.method?.methodKind === 'bidi_streaming' ? {} : { bodyIdleMs: options.bodyIdleMs }
  try {
    const answer = await explained(await respond(universalRequest(request, { call, progress, ...idle })), call)
    const writer = new ResponseWriter(response, call.clientGone, options.writeStallMs)
    await write(answer, { request, response, writer, progress, call })
  } catch (err) {
    // A client that leaves while the end of its answer is written has no fault of the gateway's to be told of.
    if (!call.clientGone.aborted && !(err instanceof GatewayError && err.reason === 'client_closed')) {
      options.log.error({ err, requestId: call.requestId, path: pathOf(request) }, 'an RPC could not be answered')
      response.destroy()
    }
  } finally {
    recordRefusal(options.core, respond.method, call)
  }
}

/** A call that failed before the core had it is recorded here; the core records all others. */
function recordRefusal(core: Core, method: DescMethod | undefined, call: RpcCall): void {
  if (method === undefined || call.failure === undefined || call.begun === true) return
  if (!Object.values<DescService>(services).includes(method.parent)) return
  const { principal, failure: error } = call
  core.refuse({ ...measuredBy(call), operation: operationOf(method), principal, error })
}

/** The word for what a method does, whether its answer is streamed or not: `chat` for `Chat` and `StreamChat`. */
function operationOf({ localName }: DescMethod): string {
  const name = localName.replace(/^stream/, '')
  return name.charAt(0).toLowerCase() + name.slice(1).replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Aborted when the connection or stream closes before the answer is written. */
function goneSignal(response: NodeResponse): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableEnded) gone.abort()
  })
  // A write to a client that has just gone is an error event, which ends the process when nobody listens; close follows it.
  response.on('error', () => undefined)
  return gone.signal
}

interface Writing {
  readonly request: NodeRequest
  readonly response: NodeResponse
  readonly writer: ResponseWriter
  readonly progress: BodyProgress
  readonly call: RpcCall
}

async function write(answer: UniversalServerResponse, to: Writing): Promise<void> {
  const chunks = answer.body?.[Symbol.asyncIterator]()
  try {
    // The handler may set headers until its first chunk is here.
    let step = await chunks?.next()
    writeHead(answer, to)
    while (step !== undefined && step.done !== true) {
      const behind = to.writer.write(step.value)
      if (behind !== undefined) await behind
      step = await chunks?.next()
    }
  } finally {
    await chunks?.return?.()
  }
  const trailer = answer.trailer ?? new Headers()
  explainTrailer(trailer, to.call)
  await to.writer.finish(Object.fromEntries(trailer))
}

/** Sends the head, and sees to it that a body nobody read does not keep the stream or the connection busy. */
function writeHead(answer: UniversalServerResponse, { request, response, progress, call }: Writing): void {
  const requestId = call.answeredAs ?? call.requestId
  const headers: Record<string, string> = { ...Object.fromEntries(answer.header ?? []), 'x-request-id': requestId }
  if ('stream' in response) {
    if (!progress.complete && 'stream' in request)
      response.stream.once('wantTrailers', () => setImmediate(() => dropRest(request)))
    response.writeHead(answer.status, headers)
    return
  }
  if (!progress.complete && mayBeLong(request)) {
    headers['connection'] = 'close'
    // The port sees the pause, and lets the client read the answer before it closes.
    request.pause()
  }
  response.writeHead(answer.status, headers)
}

const shortBody = 64 * 1024

/** A short body is read and thrown away by Node, so that the connection can be used again. */
function mayBeLong(request: NodeRequest): boolean {
  if (request.headers['transfer-encoding'] !== undefined) return true
  return Number(request.headers['content-length'] ?? 0) > shortBody
}
