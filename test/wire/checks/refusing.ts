import { asList, asMap, asText, type JsonMap } from '../case.ts'
import { type Fault, statusesFor } from '../fault.ts'
import { bodyOf, type HttpAnswer, type RestDialect } from './http.ts'

/** What an error in a dialect tells, and what is wrong with its shape. */
export interface ErrorTold {
  readonly message: string
  readonly problems: readonly string[]
}

/** The body of an HTTP error. */
export function errorTold(dialect: RestDialect, answer: HttpAnswer): ErrorTold {
  const body = asMap(bodyOf(answer))
  if (body === undefined)
    return { message: '', problems: [`the error is not a JSON object: ${answer.text.slice(0, 200)}`] }
  switch (dialect) {
    case 'openai':
      return openaiError(asMap(body['error']), [answer.status])
    case 'platform':
      return codedError('platform', asMap(body['error']), [answer.status], body['success'] === false)
    case 'scaigrid': {
      const id = asText(asMap(body['meta'])?.['request_id'])
      const told = codedError('scaigrid', asMap(body['error']), [answer.status], body['status'] === 'error')
      return id === '' ? { ...told, problems: [...told.problems, 'meta.request_id is missing'] } : told
    }
    case 'sgp':
      return sgpError(body)
    default:
      return dialect satisfies never
  }
}

/** The frame that ends a stream which failed after it began. */
export function frameTold(
  dialect: RestDialect,
  frame: { readonly event: string; readonly value: unknown } | undefined,
  fault: Fault,
): ErrorTold {
  const value = asMap(frame?.value)
  if (frame === undefined || value === undefined) return { message: '', problems: ['there is no error frame'] }
  const statuses = statusesFor(fault)
  switch (dialect) {
    case 'openai':
      return openaiError(asMap(value['error']), statuses)
    case 'platform':
      return codedError('platform', asMap(value['error']), statuses, value['type'] === 'error')
    case 'scaigrid':
      return codedError('scaigrid', value, statuses, frame.event === 'error')
    case 'sgp':
      return sgpError(asMap(value['error']) ?? value)
    default:
      return dialect satisfies never
  }
}

function openaiError(error: JsonMap | undefined, statuses: readonly number[]): ErrorTold {
  if (error === undefined) return { message: '', problems: ['there is no "error" object'] }
  const missing = ['message', 'type', 'code', 'param'].filter((name) => error[name] === undefined)
  const types = statuses.map(openaiType)
  const type = asText(error['type'])
  return {
    message: asText(error['message']),
    problems: [
      ...missing.map((name) => `error.${name} is missing`),
      ...(asText(error['message']) === '' ? ['error.message is empty'] : []),
      ...(types.includes(type) ? [] : [`error.type is "${type}", not ${types.join(' or ')}`]),
    ],
  }
}

function openaiType(status: number): string {
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

const codes = {
  platform: {
    400: 'BAD_REQUEST',
    404: 'NOT_FOUND',
    409: 'CONFLICT',
    413: 'PAYLOAD_TOO_LARGE',
    429: 'RATE_LIMITED',
    502: 'PROVIDER_ERROR',
    503: 'UNAVAILABLE',
    504: 'TIMEOUT',
  },
  scaigrid: {
    400: 'invalid_request',
    404: 'not_found',
    429: 'rate_limited',
    502: 'backend_error',
    503: 'backend_unavailable',
    504: 'timeout',
  },
} as const satisfies Record<string, Readonly<Record<number, string>>>

/** An error of `code` and `message`: the code of one of the statuses; for a status without one of its own, any word. */
function codedError(
  dialect: keyof typeof codes,
  error: JsonMap | undefined,
  statuses: readonly number[],
  enveloped: boolean,
): ErrorTold {
  const table: Readonly<Record<number, string>> = codes[dialect]
  const code = asText(error?.['code'])
  const word = dialect === 'platform' ? /^[A-Z][A-Z_]*$/ : /^[a-z][a-z_]*$/
  const right = statuses.some((status) => (table[status] === undefined ? word.test(code) : table[status] === code))
  const message = asText(error?.['message'])
  return {
    message,
    problems: [
      ...(enveloped ? [] : ['the envelope does not say that it is an error']),
      ...(right ? [] : [`code is "${code}", for status ${statuses.join(' or ')}`]),
      ...(message === '' ? ['message is empty'] : []),
    ],
  }
}

/** `detail` is the message, or the list of what is wrong with the request. */
function sgpError(body: JsonMap): ErrorTold {
  const { detail } = body
  const listed = asList(detail).map((issue) => asText(asMap(issue)?.['msg']))
  const message = asText(detail) || listed.join('; ')
  return { message, problems: message === '' ? ['detail has no message'] : [] }
}
