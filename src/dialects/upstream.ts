import type { JsonObject } from '@bufbuild/protobuf'
import { fail, type GatewayError, type Reason } from '../error/index.ts'
import type { UpstreamFailure } from './contract.ts'
import { scrub } from './scrub.ts'

/** What an upstream said of a failure, however its envelope looked. */
export interface UpstreamProblem {
  /** The HTTP status it had, or would have had outside a stream. */
  readonly status: number
  readonly message: string
  readonly type?: string | undefined
  readonly code?: string | undefined
  readonly param?: string | undefined
  readonly retryAfterSeconds?: number | undefined
}

/** Statuses that tell the caller something it can act on, and so are passed on. */
const kept: Readonly<Record<number, Reason>> = {
  400: 'invalid_request',
  404: 'not_found',
  408: 'request_timeout',
  409: 'conflict',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  422: 'unprocessable',
}

/** A type or code as vendors have them, if it is one; they are shown as they are. */
function wordOf(value: string | undefined): string | undefined {
  return value !== undefined && /^[\w.:/ -]{1,100}$/.test(value) && scrub(value) === value ? value : undefined
}

/** Says what an upstream's failure means to the caller: the table "Upstream errors", the same for every format. */
export function upstreamError(problem: UpstreamProblem): GatewayError {
  const { status, retryAfterSeconds } = problem
  const [type, code, param] = [wordOf(problem.type), wordOf(problem.code), problem.param && scrub(problem.param)]
  const upstream = { status, ...(type !== undefined && { type }), ...(code !== undefined && { code }) }
  const message = scrub(problem.message).toWellFormed()
  const reason = kept[status]
  if (reason !== undefined) {
    return fail(reason, message || `the provider refused the request with status ${status}`, {
      upstream,
      quotes: message !== '',
      ...(param !== undefined && { param }),
      ...(status === 408 || status === 409 ? {} : { retryable: false }),
    })
  }
  switch (status) {
    case 401:
    case 402:
    case 403:
      return fail('provider_credential', "the provider refused the gateway's credential", { upstream: { status } })
    case 429: {
      const spent = code === 'insufficient_quota' || type === 'insufficient_quota'
      return fail('rate_limited', message || 'the provider limits the rate of requests', {
        upstream,
        quotes: message !== '',
        ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
        ...(spent && { retryable: false }),
      })
    }
    case 503:
    case 529:
      return fail('provider_unavailable', 'the provider is overloaded or down', {
        upstream,
        ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      })
    default:
      return fail('provider_error', `the provider failed with status ${status}`, { upstream })
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const object = (value: unknown): JsonObject | undefined =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : undefined

const byWord: readonly (readonly [RegExp, number])[] = [
  [/authentication|invalid_api_key|unauthori[sz]ed/i, 401],
  [/permission|forbidden/i, 403],
  [/rate.?limit|quota|too_many|resource_exhausted/i, 429],
  [/overloaded|unavailable/i, 503],
  [/not_found/i, 404],
  [/invalid_request|invalid_argument|bad.?request|tool_use_failed/i, 400],
]

/** The status an error object inside a success stands for: its own number, else what its words say, else 502. */
function statusOf(error: JsonObject): number {
  for (const key of ['status_code', 'code', 'status']) {
    const value = error[key]
    const number =
      typeof value === 'number' ? value : typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : 0
    if (number >= 400 && number <= 599) return number
  }
  const words = [error['type'], error['code'], error['status']].filter((word) => typeof word === 'string').join(' ')
  return byWord.find(([pattern]) => pattern.test(words))?.[1] ?? 502
}

/** The field that is at fault, by its place in a request: `["body","messages",0]`. */
function placeOf(loc: unknown): string | undefined {
  if (!Array.isArray(loc)) return undefined
  const names = loc.filter((part) => typeof part === 'string' || typeof part === 'number')
  return text(names.slice(names[0] === 'body' ? 1 : 0).join('.'))
}

/** The first thing that a validator found: `[{loc,msg}]`, which vendors keep in `detail`, in `details`, or in a message that is an object. */
function findingOf(error: JsonObject): { readonly message?: string; readonly place?: string } {
  const listed = [error['detail'], object(error['message'])?.['detail'], error['details']].find(Array.isArray)
  const first = object(listed?.[0])
  const [message, place] = [text(first?.['msg']), placeOf(first?.['loc'])]
  return {
    ...(message !== undefined && { message: place === undefined ? message : `${place}: ${message}` }),
    ...(place !== undefined && { place }),
  }
}

/**
 * Reads the error envelopes that vendors use: `{error:{message,type,code,param}}`, `{error:"..."}`, a list of one, a flat
 * `{message}` or `{detail}`, a validator's list of what it found, or plain text. Without `status` it is an error inside a success.
 */
export function problemOf(body: unknown, status?: number): UpstreamProblem {
  const outer = object(Array.isArray(body) ? body[0] : body)
  const error = object(outer?.['error']) ?? outer
  if (error === undefined) return { status: status ?? 502, message: text(body) ?? '' }
  const found = findingOf(error)
  const message =
    text(error['message']) ??
    text(outer?.['error']) ??
    text(error['detail']) ??
    text(object(error['detail'])?.['msg']) ??
    found.message ??
    text(outer?.['message']) ??
    ''
  const code = error['code']
  return {
    status: status ?? statusOf(error),
    message,
    type: text(error['type']),
    code: typeof code === 'number' ? undefined : text(code),
    param: text(error['param']) ?? found.place,
    retryAfterSeconds: retryInfo(error['details']),
  }
}

/** Google's RetryInfo: `{"@type":".../google.rpc.RetryInfo","retryDelay":"34.07s"}`. */
function retryInfo(details: unknown): number | undefined {
  if (!Array.isArray(details)) return undefined
  for (const detail of details) {
    const delay = text(object(detail)?.['retryDelay'])
    const seconds = delay === undefined ? undefined : durationSeconds(delay)
    if (seconds !== undefined) return wholeSeconds(seconds)
  }
  return undefined
}

/** Seconds in vendors' durations: `34.07s`, `6m0s`, `120ms`, `1h2m3s`, or a bare number. */
function durationSeconds(value: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value)
  const units: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 }
  let total = 0
  const rest = value.replaceAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g, (_match, number: string, unit: string) => {
    total += Number(number) * (units[unit] ?? 0)
    return ''
  })
  return rest === '' && value !== '' ? total : undefined
}

/** Nobody waits longer, and a larger number could not be written as a header. */
const aYear = 31_536_000

function wholeSeconds(seconds: number): number {
  return Math.min(Math.max(0, Math.ceil(seconds)), aYear)
}

/** How long a 429 or 503 asks to wait, in whole seconds: `Retry-After` in both its forms, else the vendors' reset headers. */
export function retryAfter(header: (name: string) => string | undefined, now: number): number | undefined {
  const milliseconds = Number(header('retry-after-ms'))
  if (milliseconds > 0) return wholeSeconds(milliseconds / 1000)
  const given = header('retry-after')
  if (given !== undefined) {
    const seconds = Number(given)
    if (Number.isFinite(seconds) && seconds >= 0) return wholeSeconds(seconds)
    const date = Date.parse(given)
    if (!Number.isNaN(date)) return wholeSeconds((date - now) / 1000)
  }
  const resets = ['requests', 'tokens'].flatMap((what) => {
    const seconds = durationSeconds(header(`x-ratelimit-reset-${what}`) ?? '')
    const exhausted = header(`x-ratelimit-remaining-${what}`) === '0'
    return exhausted && seconds !== undefined ? [seconds] : []
  })
  return resets.length > 0 ? wholeSeconds(Math.max(...resets)) : undefined
}

/** The error that a failed call means to the caller. Its body is JSON, or text to be quoted only as far as it is a sentence. */
export function callError(failure: UpstreamFailure): GatewayError {
  const problem = problemOf(bodyOf(failure.text), failure.status)
  const seconds = retryAfter(failure.header, Date.now()) ?? problem.retryAfterSeconds
  return upstreamError({ ...problem, retryAfterSeconds: seconds })
}

/** What a body parses to; the first words of one that is neither JSON nor a page. */
export function bodyOf(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return body.trimStart().startsWith('<') ? '' : body.slice(0, 500)
  }
}
