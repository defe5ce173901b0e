import { Code, ConnectError } from '@connectrpc/connect'
import { createAsyncIterable, encodeEnvelope, type UniversalServerResponse } from '@connectrpc/connect/protocol'
import {
  codeToHttpStatus,
  createEndStreamSerialization,
  endStreamFlag,
  endStreamFromJson,
  errorFromJsonBytes,
  errorToJsonBytes,
} from '@connectrpc/connect/protocol-connect'
import { findTrailerError, setTrailerStatus } from '@connectrpc/connect/protocol-grpc'
import { trailerFlag, trailerParse, trailerSerialize } from '@connectrpc/connect/protocol-grpc-web'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { asGatewayError, fail, type GatewayError, type Reason, reasons, toConnectError } from '../error/index.ts'
import type { RpcCall } from './rpc-call.ts'

const envelopeHeaderBytes = 5

/** The error as clients see it, kept with the call. The request id is left to the response header, which every answer has. */
export function shownError(thrown: unknown, call: RpcCall): ConnectError {
  if (thrown instanceof ConnectError) return thrown
  const error = asGatewayError(thrown)
  call.failure ??= error
  const shown = toConnectError(error, call.requestId)
  shown.metadata.delete('x-request-id')
  return shown
}

/** Answers of Connect that have a status and nothing else, and what they mean. */
const bareErrors: Readonly<Record<number, GatewayError>> = {
  405: fail('method_not_allowed', 'this method is called with POST, or with GET where it has no side effects'),
  415: fail('unsupported_media_type', 'the content type is none of Connect, gRPC or gRPC-Web for this kind of method'),
  505: fail('invalid_request', 'this kind of method needs HTTP/2'),
}

/**
 * What Connect itself answers when a request is too large, cannot be decoded or has a bad deadline, in the gateway's terms:
 * with a reason and an `ErrorInfo`, as every other error of the contract.
 */
function explain(error: ConnectError, call: RpcCall): ConnectError {
  if (error.findDetails(ErrorInfoSchema).length > 0) return error
  const reason = reasonOf(error)
  const message = reason === 'internal' ? 'the gateway failed to process the request' : error.rawMessage
  const own = shownError(fail(reason, message), call)
  // Where Connect calls undecodable bytes internal, the caller is at fault; its other codes are rules of the protocols.
  const code = reason === 'invalid_request' ? own.code : error.code
  const result = new ConnectError(message, code, own.metadata)
  result.details = [...error.details, ...own.details]
  return result
}

const undecodable = /^(parse binary|decompression failed|protocol error)/

/** The reason for an error that did not come from the gateway, which gives its own. */
function reasonOf(error: ConnectError): Reason {
  if (error.code === Code.Internal && undecodable.test(error.rawMessage)) return 'invalid_request'
  return reasonByCode[error.code] ?? 'internal'
}

const reasonByCode: Readonly<Partial<Record<Code, Reason>>> = {
  [Code.InvalidArgument]: 'invalid_request',
  [Code.ResourceExhausted]: 'payload_too_large',
  [Code.Unimplemented]: 'unsupported_operation',
  [Code.NotFound]: 'not_found',
  [Code.Canceled]: 'client_closed',
  [Code.DeadlineExceeded]: 'timeout',
  [Code.Unavailable]: 'shutting_down',
}

/**
 * The answer with its error explained, in whichever protocol it is written. The trailers of gRPC are known only when the body
 * has ended: see {@link explainTrailer}.
 */
export async function explained(answer: UniversalServerResponse, call: RpcCall): Promise<UniversalServerResponse> {
  const type = answer.header?.get('content-type') ?? ''
  if (type.startsWith('application/grpc-web')) {
    return { ...answer, body: mapLast(answer.body, trailerFlag, (data) => explainTrailerText(data, call)) }
  }
  if (type.startsWith('application/connect')) {
    return { ...answer, body: mapLast(answer.body, endStreamFlag, (data) => explainEndOfStream(data, call)) }
  }
  const isUnaryError = answer.status >= 400 && answer.header?.has('content-encoding') !== true
  return isUnaryError ? explainUnary(answer, call) : answer
}

/** Adds what is missing to the trailers of a failed gRPC call, in place. */
export function explainTrailer(trailer: Headers, call: RpcCall): void {
  const error = findTrailerError(trailer)
  if (error !== undefined) setTrailerStatus(trailer, explain(error, call))
}

function explainTrailerText(data: Uint8Array, call: RpcCall): Uint8Array<ArrayBuffer> {
  const trailer = trailerParse(data)
  explainTrailer(trailer, call)
  return trailerSerialize(trailer)
}

function explainEndOfStream(data: Uint8Array, call: RpcCall): Uint8Array<ArrayBuffer> {
  const end = endStreamFromJson(data)
  const error = end.error === undefined ? undefined : explain(end.error, call)
  return createEndStreamSerialization(undefined).serialize({
    metadata: end.metadata,
    ...(error !== undefined && { error }),
  })
}

/** Each chunk of a streamed answer is one envelope; the last has a flag of its own, and is rewritten unless compressed. */
async function* mapLast(
  body: AsyncIterable<Uint8Array> | undefined,
  flag: number,
  rewrite: (data: Uint8Array) => Uint8Array<ArrayBuffer>,
): AsyncGenerator<Uint8Array, void, void> {
  if (body === undefined) return
  for await (const chunk of body) {
    yield chunk[0] === flag ? encodeEnvelope(flag, rewrite(chunk.subarray(envelopeHeaderBytes))) : chunk
  }
}

/** A failed Connect unary call: one chunk of JSON. Too large is 413, as SDKs take 429 for an invitation to try again. */
async function explainUnary(answer: UniversalServerResponse, call: RpcCall): Promise<UniversalServerResponse> {
  const original = await unaryError(answer)
  const error = explain(original, call)
  const body = errorToJsonBytes(error, undefined)
  const header = new Headers(answer.header)
  header.set('content-type', 'application/json')
  header.set('content-length', String(body.byteLength))
  const status = original.code === error.code ? answer.status : codeToHttpStatus(error.code)
  return {
    status: isTooLarge(error) ? reasons.payload_too_large.status : status,
    header,
    body: createAsyncIterable([body]),
  }
}

function isTooLarge(error: ConnectError): boolean {
  return error.findDetails(ErrorInfoSchema)[0]?.reason === ('payload_too_large' satisfies Reason)
}

async function unaryError(answer: UniversalServerResponse): Promise<ConnectError> {
  const bare = bareErrors[answer.status] ?? fail('internal', 'the gateway failed to process the request')
  const fallback = toConnectError(bare, '')
  if (answer.body === undefined) return fallback
  for await (const chunk of answer.body) return errorFromJsonBytes(chunk, undefined, fallback)
  return fallback
}
