import { asList, asMap, asText, type CaseResponse, type JsonMap } from './case.ts'

/** An error as an upstream meant it. */
export interface Fault {
  /** The HTTP status it had, or stands for when it came inside a success. */
  readonly status: number
  /** The vendor's words; empty when it had none. */
  readonly message: string
  /** Whether `status` is told, and not guessed. */
  readonly exact: boolean
  /** Whether the upstream told how long to wait. */
  readonly retryAfter?: number
}

/** The error of a response whose status is not a success. */
export function faultOf(response: CaseResponse): Fault {
  const retryAfter = waitOf(response)
  const message = messageOf(response.body)
  const status = refusesKey(response) ? 401 : response.status
  return { status, message, exact: true, ...(retryAfter !== undefined && { retryAfter }) }
}

/** Google calls a key that it does not know an invalid argument. */
function refusesKey({ body }: CaseResponse): boolean {
  const details = asList(errorObject(Array.isArray(body) ? body[0] : body)?.['details'])
  return details.some((detail) => asMap(detail)?.['reason'] === 'API_KEY_INVALID')
}

/** Seconds to wait, from `Retry-After` or Google's RetryInfo; undefined when neither tells. */
function waitOf({ headers, body }: CaseResponse): number | undefined {
  const header = Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after')?.[1]
  if (header !== undefined && Number.isFinite(Number(header))) return Number(header)
  const details = asList(errorObject(Array.isArray(body) ? body[0] : body)?.['details'])
  const delay = details.map((detail) => asText(asMap(detail)?.['retryDelay'])).find((text) => /^[\d.]+s$/.test(text))
  return delay === undefined ? undefined : Number.parseFloat(delay)
}

/** The error inside a body or chunk that came under HTTP 200; undefined when there is none. */
export function faultInside(value: unknown): Fault | undefined {
  const outer = asMap(value)
  if (outer === undefined) return undefined
  const bare = outer['object'] === 'error' || outer['type'] === 'error'
  if (!bare && (outer['error'] === undefined || outer['error'] === null || outer['error'] === '')) return undefined
  const error = errorObject(outer) ?? outer
  const told = [error['status_code'], error['status'], error['code'], outer['raw_status_code']]
    .map((number) => Number(number ?? Number.NaN))
    .find((number) => number >= 400 && number <= 599)
  return { status: told ?? 502, message: messageOf(value), exact: told !== undefined }
}

function errorObject(value: unknown): JsonMap | undefined {
  const outer = asMap(value)
  return asMap(outer?.['error']) ?? outer
}

function messageOf(body: unknown): string {
  const outer = asMap(Array.isArray(body) ? body[0] : body)
  const error = errorObject(outer)
  return (
    asText(error?.['message']) || asText(outer?.['error']) || asText(outer?.['message']) || asText(outer?.['detail'])
  )
}

/** The statuses a gateway may answer a fault with, by the rules for upstream errors. */
export function statusesFor({ status, exact }: Fault): readonly number[] {
  if (!exact) return [400, 404, 408, 409, 413, 415, 422, 429, 502, 503]
  if ([400, 404, 408, 409, 413, 415, 422, 429].includes(status)) return [status]
  if (status === 401 || status === 402 || status === 403) return [502]
  if (status === 503 || status === 529) return [503]
  if (status === 504 || status === 524) return [502, 504]
  return status >= 500 ? [502] : [400, 502]
}
