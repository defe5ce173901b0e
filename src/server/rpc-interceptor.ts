import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { pathToString } from '@bufbuild/protobuf/reflect'
import { createValidator, type Validator, type Violation } from '@bufbuild/protovalidate'
import { ConnectError, type Interceptor, type StreamRequest, type UnaryRequest } from '@connectrpc/connect'
import { asGatewayError, fail, type GatewayError, type Issue } from '../error/index.ts'
import type { Logger } from '../provider/contract.ts'
import { callOf } from './rpc-call.ts'
import { shownError } from './rpc-explain.ts'
import { requireNumbers } from './rpc-numbers.ts'
import { requireTimes } from './rpc-times.ts'

/**
 * Stands around every method: checks each message by the rules in the contract, once, after it is decoded, and turns whatever
 * is thrown into the error that clients see. Faults of the gateway's own are logged with what was thrown.
 */
export function edgeInterceptor(log: Logger): Interceptor {
  const validator = createValidator()
  return (next) => async (request) => {
    const call = callOf(request.contextValues)
    const shown = (thrown: unknown): ConnectError => {
      if (thrown instanceof ConnectError) return thrown
      const error = asGatewayError(thrown)
      if (error.reason === 'internal') {
        log.error(
          { err: error.details.cause ?? error, requestId: call.requestId, rpc: request.method.toString() },
          'an RPC failed',
        )
      }
      return shownError(error, call)
    }
    try {
      const answer = await next(validated(validator, request))
      return answer.stream ? { ...answer, message: withErrors(answer.message, shown) } : answer
    } catch (thrown) {
      throw shown(thrown)
    }
  }
}

async function* withErrors<Item>(
  items: AsyncIterable<Item>,
  shown: (thrown: unknown) => ConnectError,
): AsyncGenerator<Item, void, void> {
  try {
    yield* items
  } catch (thrown) {
    throw shown(thrown)
  }
}

function validated<Request extends UnaryRequest | StreamRequest>(validator: Validator, request: Request): Request {
  const rules: Rules = {
    validator,
    schema: request.method.input,
    binary: request.header.get('content-type')?.includes('json') !== true,
  }
  if (!request.stream) {
    requireValid(rules, request.message)
    return request
  }
  return { ...request, message: eachValid(rules, request.message) }
}

interface Rules {
  readonly validator: Validator
  readonly schema: DescMessage
  /** The message came in the form that can hold more than JSON. */
  readonly binary: boolean
}

async function* eachValid(
  rules: Rules,
  messages: AsyncIterable<MessageShape<DescMessage>>,
): AsyncGenerator<MessageShape<DescMessage>, void, void> {
  for await (const message of messages) {
    requireValid(rules, message)
    yield message
  }
}

function requireValid({ validator, schema, binary }: Rules, message: MessageShape<DescMessage>): void {
  requireTimes(schema, message)
  const result = validator.validate(schema, message)
  if (result.kind === 'error') throw fail('internal', 'the request could not be checked', { cause: result.error })
  if (result.kind === 'invalid') throw invalid(result.violations)
  if (binary) requireNumbers(message)
}

function invalid(violations: readonly Violation[]): GatewayError {
  const issues = violations.map(issueOf)
  const [first] = violations
  const param = first === undefined ? '' : pathToString(first.field)
  const message = `${param === '' ? 'the request' : param}: ${first?.message ?? 'is not valid'}`
  return fail('invalid_request', message, { ...(param !== '' && { param }), issues })
}

function issueOf(violation: Violation): Issue {
  return { path: [pathToString(violation.field)], message: violation.message, type: violation.ruleId }
}
