import { type CallContext, fail, GatewayError, problemOf, retryAfter, upstreamError } from '#provider'

/** What a failed call throws: the signal's reason, the gateway's own error beneath, or what the package says of the upstream. */
export function failureOf(thrown: unknown, { signal }: CallContext): unknown {
  if (signal.aborted) return signal.reason
  const own = ownError(thrown)
  if (own !== undefined) return own
  const { name, message, statusCode, responseHeaders, responseBody, data } = factsOf(thrown)
  if (typeof statusCode === 'number' && statusCode >= 400) {
    // A package keeps of the body no more than it knows itself.
    const problem = problemOf(parsed(responseBody) ?? data, statusCode)
    const seconds = retryAfter((header) => responseHeaders?.[header], Date.now()) ?? problem.retryAfterSeconds
    return upstreamError({ ...problem, message: problem.message || message, retryAfterSeconds: seconds })
  }
  switch (name) {
    case 'AI_UnsupportedFunctionalityError':
      return fail('unsupported_field', message, { cause: thrown, quotes: true })
    case 'AI_InvalidPromptError':
    case 'AI_InvalidArgumentError':
      return fail('invalid_request', message, { cause: thrown, quotes: true })
    case 'AI_NoSuchModelError':
      return fail('model_not_found', message, { cause: thrown, quotes: true, param: 'model' })
    case 'AI_LoadAPIKeyError':
    case 'AI_LoadSettingError':
      return fail('provider_credential', 'the provider has no key, or a setting is missing', { cause: thrown })
    default:
      return fail('provider_error', "the provider's answer could not be read", { cause: thrown })
  }
}

/** What an error in the middle of a stream means: what the upstream said, or that its answer was not complete. */
export function streamFailure(error: unknown): GatewayError {
  const own = ownError(error)
  if (own !== undefined) return own
  const { name, message, code, statusCode } = factsOf(error)
  if (name === 'AI_InvalidResponseDataError')
    return fail('provider_interrupted', "the provider's answer ended before it was complete", { cause: error })
  const status = [statusCode, code].map(Number).find((number) => number >= 400 && number <= 599) ?? 502
  return upstreamError({ status, message })
}

/** The gateway's own error, which the package may have wrapped several times. */
function ownError(thrown: unknown): GatewayError | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 8; error = error.cause, depth++)
    if (error instanceof GatewayError) return error
  return undefined
}

interface Facts {
  readonly name?: unknown
  readonly message: string
  readonly code?: unknown
  readonly statusCode?: unknown
  readonly responseHeaders?: Readonly<Record<string, string>>
  readonly responseBody?: unknown
  readonly data?: unknown
}

function parsed(body: unknown): unknown {
  try {
    return typeof body === 'string' ? JSON.parse(body) : undefined
  } catch {
    return undefined
  }
}

function factsOf(thrown: unknown): Facts {
  if (typeof thrown !== 'object' || thrown === null) return { message: typeof thrown === 'string' ? thrown : '' }
  return {
    ...thrown,
    name: 'name' in thrown ? thrown.name : '',
    message: 'message' in thrown ? String(thrown.message) : '',
  }
}
