import type { GatewayError } from '../../error/index.ts'
import type { UpstreamFailure } from '../contract.ts'
import { retryAfter, upstreamError } from '../upstream.ts'
import { entryOf } from '../entry.ts'

/** What an exception means, where the HTTP status does not say it: in a stream there is none, and some are a 400 by tradition. */
const statuses: Readonly<Record<string, number>> = {
  accessdeniedexception: 403,
  expiredtokenexception: 403,
  incompletesignatureexception: 403,
  invalidsignatureexception: 403,
  missingauthenticationtokenexception: 403,
  unrecognizedclientexception: 403,
  resourcenotfoundexception: 404,
  validationexception: 400,
  conflictexception: 409,
  modeltimeoutexception: 408,
  throttlingexception: 429,
  toomanyrequestsexception: 429,
  servicequotaexceededexception: 429,
  modelnotreadyexception: 429,
  serviceunavailableexception: 503,
  modelerrorexception: 502,
  modelstreamerrorexception: 502,
  internalserverexception: 500,
}

/** The name of an exception as its table spells it: `ThrottlingException:http://…` and `com.amazon#ThrottlingException` are one. */
function nameOf(type: string): string {
  return (type.split(':')[0] ?? '').replace(/^.*#/, '').toLowerCase()
}

/** The error that an exception frame inside a stream means. */
export function exceptionError(type: string, message: string): GatewayError {
  return upstreamError({ status: entryOf(statuses, nameOf(type)) ?? 502, message, type })
}

/** The error that a failed call means: a flat `{message}`, and the name of the exception in a header. */
export function failureError({ status, header, text }: UpstreamFailure): GatewayError {
  const body = bodyOf(text)
  const given = header('x-amzn-errortype') ?? body['__type']
  const type = typeof given === 'string' ? given : ''
  const message = body['message'] ?? body['Message']
  return upstreamError({
    status: entryOf(statuses, nameOf(type)) ?? status,
    message: typeof message === 'string' ? message : '',
    ...(type !== '' && { type: type.split(':')[0] }),
    retryAfterSeconds: retryAfter(header, Date.now()),
  })
}

function bodyOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
