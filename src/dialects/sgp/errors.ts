import type { GatewayError, Issue } from '../../error/index.ts'
import { entryOf } from '../entry.ts'

/** As many problems of one request as an answer lists: a body can have millions. */
const mostIssues = 100

/** The words that clients of FastAPI know for a value of the wrong type, by the type that was expected. */
const typeWords: Readonly<Record<string, string>> = {
  string: 'string_type',
  int: 'int_type',
  number: 'float_type',
  boolean: 'bool_type',
  array: 'list_type',
  object: 'dict_type',
  record: 'dict_type',
}

function typeWord({ type, message, input }: Issue): string {
  if (type !== 'invalid_type') return type
  const expected = /expected (\w+)/.exec(message)?.[1] ?? ''
  if (typeof input === 'string' && expected === 'int') return 'int_parsing'
  if (typeof input === 'string' && expected === 'number') return 'float_parsing'
  return entryOf(typeWords, expected) ?? type
}

function encodeIssue(issue: Issue): object {
  const { path, message, type, input } = issue
  const msg = type === 'missing' ? 'Field required' : message
  return { loc: ['body', ...path], msg, type: typeWord(issue), input: input ?? null }
}

/** The body of an error: a list of what is wrong with the fields of a request, otherwise the message alone. */
export function errorBody(error: GatewayError): string {
  const issues = issuesOf(error)
  return JSON.stringify({ detail: issues?.slice(0, mostIssues).map(encodeIssue) ?? error.message })
}

/** 422 for a request whose fields are not as they should be; one that cannot be read at all stays a 400. */
export function errorStatus(error: GatewayError): number {
  return issuesOf(error) === undefined ? error.status : 422
}

function issuesOf({ reason, details }: GatewayError): readonly Issue[] | undefined {
  return reason === 'invalid_request' ? details.issues : undefined
}
