import { fail, GatewayError } from '../error/index.ts'

type ReadingReason = 'provider_error' | 'provider_interrupted'

/** The JSON value that an upstream sent. Throws `reason` for any other text. */
export function parseValue(text: string, reason: ReadingReason): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw unreadable(reason)
  }
}

/** The JSON object that an upstream sent. Throws `reason` for any other text. */
export function parseObject(text: string, reason: ReadingReason): object {
  return requireObject(parseValue(text, reason), reason)
}

/** What an upstream sent as an object. Throws `reason` where it is none. */
export function requireObject(value: unknown, reason: ReadingReason): object {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value
  throw unreadable(reason)
}

/** The error that reading an answer ended with: our own as it is, any other for an answer that is not what its format says. */
export function readingError(error: unknown): GatewayError {
  return error instanceof GatewayError ? error : unreadable('provider_error', error)
}

/** The error of an answer that is not what its format says. */
export function unreadable(reason: ReadingReason, cause?: unknown): GatewayError {
  return fail(reason, "the provider's answer could not be read", { cause })
}
