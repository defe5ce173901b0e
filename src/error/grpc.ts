import { Code, ConnectError } from '@connectrpc/connect'
import { ErrorInfoSchema } from '#gen/switchyard/v1/error_pb.ts'
import { asGatewayError, type ErrorDetails, fail, GatewayError, timerNames } from './error.ts'
import { type Reason, reasons } from './reasons.ts'

const domain = 'switchyard'

/** Bytes of a message and of a field's path, as a header has them: gRPC carries an error in its trailers, of which clients read 8 KiB. */
const longest = { message: 3000, param: 500 } as const

/** A text that may quote whoever wrote it, as short as an error over RPC has to be. */
export function shownText(text: string, bytes: number = longest.message): string {
  let shown = text.slice(0, bytes).toWellFormed()
  while (encodeURIComponent(shown).length > bytes) shown = shown.slice(0, (shown.length * 3) / 4).toWellFormed()
  return shown.length === text.length ? shown : `${shown}…`
}

/** The error as RPC clients see it: the reason's code, the message, and an `ErrorInfo` detail. */
export function toConnectError(thrown: unknown, requestId: string): ConnectError {
  if (thrown instanceof ConnectError) return thrown
  const error = asGatewayError(thrown)
  const { param, timer, retryAfterSeconds } = error.details
  const metadata: Record<string, string> = {
    ...(requestId !== '' && { request_id: requestId }),
    ...(param !== undefined && { param: shownText(param, longest.param) }),
    ...(timer !== undefined && { timer }),
    ...(retryAfterSeconds !== undefined && { retry_after_seconds: String(retryAfterSeconds) }),
    should_retry: String(error.retryable),
  }
  const headers: Record<string, string> = {
    ...(requestId !== '' && { 'x-request-id': requestId }),
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
  }
  const detail = { desc: ErrorInfoSchema, value: { reason: error.reason, domain, metadata } }
  return new ConnectError(shownText(error.message), reasons[error.reason].code, headers, [detail], error.details.cause)
}

const byCode: Readonly<Record<Code, Reason>> = {
  [Code.Canceled]: 'client_closed',
  [Code.Unknown]: 'provider_error',
  [Code.InvalidArgument]: 'invalid_request',
  [Code.DeadlineExceeded]: 'timeout',
  [Code.NotFound]: 'not_found',
  [Code.AlreadyExists]: 'conflict',
  [Code.PermissionDenied]: 'provider_credential',
  [Code.ResourceExhausted]: 'rate_limited',
  [Code.FailedPrecondition]: 'provider_error',
  [Code.Aborted]: 'conflict',
  [Code.OutOfRange]: 'invalid_request',
  [Code.Unimplemented]: 'unsupported_operation',
  [Code.Internal]: 'provider_error',
  [Code.Unavailable]: 'provider_unavailable',
  [Code.DataLoss]: 'provider_error',
  [Code.Unauthenticated]: 'provider_credential',
}

/**
 * An error that a remote provider answered with, as one of ours. Its `ErrorInfo` is believed, except that a refused
 * credential is always the gateway's own and never the caller's.
 */
export function fromConnectError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  const error = ConnectError.from(thrown)
  const info = error.findDetails(ErrorInfoSchema).find((detail) => detail.domain === domain)
  const named = info !== undefined && Object.hasOwn(reasons, info.reason) ? (info.reason as Reason) : byCode[error.code]
  const reason = named === 'unauthenticated' || named === 'permission_denied' ? 'provider_credential' : named
  const retryAfter = Number(info?.metadata['retry_after_seconds'])
  const timer = timerNames.find((name) => name === info?.metadata['timer'])
  const details: ErrorDetails = {
    cause: thrown,
    quotes: true,
    ...(info?.metadata['param'] !== undefined && { param: info.metadata['param'] }),
    ...(timer !== undefined && { timer }),
    ...(Number.isFinite(retryAfter) && { retryAfterSeconds: retryAfter }),
    ...(info?.metadata['should_retry'] === 'false' && { retryable: false }),
  }
  return fail(reason, error.rawMessage, details)
}
