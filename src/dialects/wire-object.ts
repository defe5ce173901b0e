import { fail, GatewayError } from '../error/index.ts'

/** The JSON object that an upstream sent. Throws `reason` for any other text. */
export function parseObject(text: string, reason: 'provider_error' | 'provider_interrupted'): object {
  try {
    const value: unknown = JSON.parse(text)
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value
  } catch {
    // Reported below, like any other text that is not an object.
  }
  throw fail(reason, "the provider's answer could not be read")
}

/** The error that reading an answer ended with: our own as it is, any other for an answer that is not what its format says. */
export function readingError(error: unknown): GatewayError {
  return error instanceof GatewayError
    ? error
    : fail('provider_error', "the provider's answer could not be read", { cause: error })
}
