import { z } from 'zod'

/** A mapping that refuses keys it does not know, and says which it knows. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ')
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? `unknown key; known here: ${known}` : undefined),
  })
}

/** Text that says something. */
export function text() {
  return z.string().min(1, { error: 'must not be empty' })
}

/** A whole number within bounds, both included. */
export function wholeNumber(least: number, most: number) {
  const form = `must be a whole number from ${least} to ${most}`
  return z.int({ error: form }).min(least, { error: form }).max(most, { error: form })
}
