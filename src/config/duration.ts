import { z } from 'zod'

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const written = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/

/** The longest wait a timer of Node can keep; a longer one would fire at once. */
const longest = 2 ** 31 - 1

/** Milliseconds of "250ms", "5s", "10m", "1h", or of a number of seconds; undefined when it is none of these. */
function milliseconds(value: string | number): number | undefined {
  if (typeof value === 'number') return Math.round(value * 1000)
  const [, amount, unit = ''] = written.exec(value) ?? []
  const factor = units[unit]
  return factor === undefined ? undefined : Math.round(Number(amount) * factor)
}

/**
 * A span of time: written as "250ms", "5s", "10m", "1h" or a number of seconds, read as milliseconds. Refuses what is
 * under `least` milliseconds, and what is over 24 days because no timer can wait that long.
 */
export function duration(least: 0 | 1 = 1) {
  const form = 'must be a duration such as "250ms", "5s" or "10m", or a number of seconds'
  const input = z.union([z.string().regex(written, { error: form }), z.number().min(0, { error: form })], {
    error: form,
  })
  return input.transform((value, context) => {
    const read = milliseconds(value)
    if (read !== undefined && read >= least && read <= longest) return read
    context.addIssue({ code: 'custom', message: `must be from ${least === 0 ? '0' : '1ms'} to 24 days` })
    return z.NEVER
  })
}
