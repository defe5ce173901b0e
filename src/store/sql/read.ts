import { z } from 'zod'
import type { SkippedRow } from './engine.ts'

/** Longest JSON that is taken from a row, in characters. */
const longestJson = 1024 * 1024

/** A name or id: something, and not more than a name can be. */
export const nameText = z.string().min(1).max(512)

/** A time or count that fits a number. */
export const wholeNumber = z.bigint().transform((value, context) => {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) context.addIssue({ code: 'custom', message: 'is out of range' })
  return number
})

/** The last millisecond of the year 9999, the last one that RFC 3339 can say: a later time is kept as this one. */
export const lastTime = 253_402_300_799_999

/** 1 for yes and 0 for no. */
export const yesOrNo = z.bigint().transform((value) => value !== 0n)

/** Text that holds JSON of that shape. */
export function jsonText<Shape extends z.ZodType>(shape: Shape) {
  return z
    .string()
    .max(longestJson)
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text)
      } catch {
        context.addIssue({ code: 'custom', message: 'is not JSON' })
        return z.NEVER
      }
    })
    .pipe(shape)
}

/**
 * Reads a row, or tells why it cannot be read and gives undefined, so that one bad row harms only itself. What is told names the
 * columns, and never repeats their values.
 */
export function readRow<Shape extends z.ZodType>(
  table: string,
  id: string,
  shape: Shape,
  row: unknown,
  skipped: SkippedRow,
): z.output<Shape> | undefined {
  const read = shape.safeParse(row)
  if (read.success) {
    skipped.good(table, id)
    return read.data
  }
  const problem = read.error.issues.map(({ path, code }) => `${path.join('.')}: ${code}`).join('; ')
  skipped.bad({ table, id, problem }, row)
  return undefined
}
