import type { core, ZodType } from 'zod'
import { fail, type Issue } from '../error/index.ts'

/** A path as people write it: `messages[0].content`. */
export function dottedPath(path: readonly (string | number)[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}

function issueOf(issue: core.$ZodIssue, value: unknown): Issue[] {
  if (issue.code === 'invalid_union') {
    const branches = issue.errors.toSorted((a, b) => deepest(b) - deepest(a))
    const within = valueAt(value, pathOf(issue.path))
    const nested = branches[0]?.flatMap((inner) => issueOf(inner, within)) ?? []
    if (nested.length > 0 && deepest(branches[0] ?? []) > 0) {
      return nested.map((inner) => ({ ...inner, path: [...pathOf(issue.path), ...inner.path] }))
    }
  }
  const path = pathOf(issue.path)
  const input = valueAt(value, path)
  const missing = input === undefined && isAboutPresence(issue)
  return [{ path, message: missing ? 'is required' : issue.message, type: missing ? 'missing' : issue.code, input }]
}

/** What is said of a value that is not there: of the wrong type, none of the values there are, none of the types there are. */
function isAboutPresence({ code }: core.$ZodIssue): boolean {
  return code === 'invalid_type' || code === 'invalid_value' || code === 'invalid_union'
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (node, step) => (node as Record<string | number, unknown> | null | undefined)?.[step],
    value,
  )
}

function pathOf(path: readonly PropertyKey[]): (string | number)[] {
  return path.map((step) => (typeof step === 'symbol' ? String(step) : step))
}

function deepest(issues: readonly core.$ZodIssue[]): number {
  return issues.reduce((most, { path }) => Math.max(most, path.length), 0)
}

/** Checks a body against a schema and returns it untouched. Throws `invalid_request` naming the first field at fault, with all of them in `issues`. */
export function check<Body>(schema: ZodType<Body>, value: unknown): Body {
  const result = schema.safeParse(value)
  if (result.success) return value as Body
  const issues = result.error.issues.flatMap((issue) => issueOf(issue, value))
  const [first] = issues
  const param = dottedPath(first?.path ?? [])
  const what = first?.message ?? 'is not valid'
  const message = what === 'is required' ? `${param} is required` : `${param === '' ? 'the body' : param}: ${what}`
  throw fail('invalid_request', message, { ...(param !== '' && { param }), issues })
}
