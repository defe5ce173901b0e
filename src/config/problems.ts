import type { z } from 'zod'

const mostShown = 20

/** The configuration cannot be used. The message has one line for each problem, made to be printed as it is. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(problems: readonly string[]) {
    const rest = problems.length - mostShown
    super([...problems.slice(0, mostShown), ...(rest > 0 ? [`and ${rest} more problems`] : [])].join('\n'))
  }
}

/** One thing wrong with the configuration, and the path of the key that is at fault. */
export interface Problem {
  readonly path: readonly PropertyKey[]
  readonly message: string
  /** True when the key itself is at fault, and not what it is set to. */
  readonly atKey: boolean
}

type Issue = z.core.$ZodIssue

/** What a schema found wrong, one problem for each key at fault, in words for the person who wrote the file. */
export function problemsOf(issues: readonly Issue[], data: unknown): Problem[] {
  return issues.flatMap((issue) => problemsOfIssue(issue, [], data))
}

function problemsOfIssue(issue: Issue, base: readonly PropertyKey[], data: unknown): Problem[] {
  const path = [...base, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], message: issue.message, atKey: true }))
  }
  if (issue.code === 'invalid_key') return [{ path, message: issue.issues[0]?.message ?? issue.message, atKey: true }]
  if (issue.code === 'invalid_union') return problemsOfUnion(issue, path, data)
  if (issue.code === 'invalid_type') return [{ path, message: describeType(issue, valueAt(data, path)), atKey: false }]
  return [{ path, message: issue.message.replace(/^Invalid \w+: expected /, 'must be '), atKey: false }]
}

function isOtherForm(issue: Issue): boolean {
  return issue.code === 'invalid_type' && issue.path.length === 0
}

/** The problems of the one form that the value was meant to have, when that can be told; else the union's own message. */
function problemsOfUnion(issue: z.core.$ZodIssueInvalidUnion, path: readonly PropertyKey[], data: unknown): Problem[] {
  const meant = issue.errors.filter((form) => !form.some(isOtherForm))
  const [form] = meant
  if (form === undefined || meant.length > 1) return [{ path, message: issue.message, atKey: false }]
  return form.flatMap((nested) => problemsOfIssue(nested, path, data))
}

const words: Readonly<Record<string, string>> = {
  object: 'a mapping of keys',
  record: 'a mapping of keys',
  array: 'a list',
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
}

function describeType(issue: z.core.$ZodIssueInvalidType, value: unknown): string {
  if (value === undefined) return 'is required'
  if (!issue.message.startsWith('Invalid input')) return issue.message
  return `must be ${words[issue.expected] ?? issue.expected}, not ${wordFor(value)}`
}

function wordFor(value: unknown): string {
  if (value === null) return 'empty'
  return words[Array.isArray(value) ? 'array' : typeof value] ?? typeof value
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, part) => {
    return typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined
  }, data)
}

/** A path as text: parts joined by dots, with quotes around what is not a plain word. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.map((part) => (/^[\w-]+$/.test(String(part)) ? String(part) : JSON.stringify(String(part)))).join('.')
}
