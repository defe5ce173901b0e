import { Code, ConnectError } from '@connectrpc/connect'
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node'
import {
  createAsyncIterable,
  encodeEnvelope,
  envelopeDecompress,
  type UniversalServerResponse,
} from '@connectrpc/connect/protocol'
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
import {
  asGatewayError,
  fail,
  type GatewayError,
  type Reason,
  reasons,
  shownText,
  toConnectError,
} from '../error/index.ts'
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
  const message = reason === 'internal' ? 'the gateway failed to process the request' : shownText(error.rawMessage)
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
    return { ...answer, body: mapLast(answer, 'grpc-encoding', trailerFlag, (data) => explainTrailerText(data, call)) }
  }
  if (type.startsWith('application/connect')) {
    const encoding = 'connect-content-encoding'
    return { ...answer, body: mapLast(answer, encoding, endStreamFlag, (data) => explainEndOfStream(data, call)) }
  }
  return answer.status >= 400 ? explainUnary(answer, call) : answer
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

/** Each chunk of a streamed answer is one envelope; the last has a flag of its own, and is rewritten, uncompressed. */
async function* mapLast(
  { body, header }: UniversalServerResponse,
  encodingHeader: string,
  flag: number,
  rewrite: (data: Uint8Array) => Uint8Array<ArrayBuffer>,
): AsyncGenerator<Uint8Array, void, void> {
  if (body === undefined) return
  for await (const chunk of body) {
    const [flags = 0] = chunk
    if ((flags & flag) === 0) yield chunk
    else {
      const data = new Uint8Array(chunk.subarray(envelopeHeaderBytes))
      const last = await envelopeDecompress({ flags, data }, compressionOf(header, encodingHeader), longestError)
      yield encodeEnvelope(flag, rewrite(last.data))
    }
  }
}

/** Bytes of an error. What is longer than a few hundred of them is what a client sent, told back to it. */
const longestError = 64 * 1024 * 1024

function compressionOf(header: Headers | undefined, name: string) {
  const encoding = header?.get(name)
  return [compressionGzip, compressionBrotli].find((one) => one.name === encoding) ?? null
}

/** A failed Connect unary call: one chunk of JSON. Too large is 413, as SDKs take 429 for an invitation to try again. */
async function explainUnary(answer: UniversalServerResponse, call: RpcCall): Promise<UniversalServerResponse> {
  const original = await unaryError(answer)
  const error = explain(original, call)
  const body = errorToJsonBytes(error, undefined)
  const header = new Headers(answer.header)
  header.set('content-type', 'application/json')
  header.delete('content-encoding')
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
  const compression = compressionOf(answer.header, 'content-encoding')
  for await (const chunk of answer.body) {
    const bytes = compression === null ? chunk : await compression.decompress(new Uint8Array(chunk), longestError)
    return errorFromJsonBytes(bytes, undefined, fallback)
  }
  return fallback
}
