import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { leastOf, usage } from '../model/usage.ts'

/** The totals of a usage that its provider did not tell. */
export interface Untold {
  readonly input: boolean
  readonly output: boolean
}

/**
 * Makes counts of the numbers in a usage, in place, since it is the object that the client gets too: a negative number would be a
 * refund, and one that is none would keep the call from being recorded. A total of nothing is as much as its parts. Says
 * which totals are not told.
 */
export function mend(given: Usage): Untold {
  const { inputTokens: input, outputTokens: output } = given
  for (const name of countNames) if (!isCount(name, given[name])) Object.assign(given, { [name]: 0 })
  const least = leastOf(given)
  const untold = {
    input: given.inputUnknown || !isTold(input, least.input),
    output: given.outputUnknown || !isTold(output, least.output),
  }
  if (untold.input || input <= 0) given.inputTokens = Math.max(given.inputTokens, least.input)
  if (untold.output || output <= 0) given.outputTokens = Math.max(given.outputTokens, least.output)
  return untold
}

/** Puts estimates, in place, where totals are not told: at least what is there. The usage then says that it is estimated. */
export function estimate(of: Usage, untold: Untold, input: () => number, output: number): void {
  if (untold.input) of.inputTokens = Math.max(of.inputTokens, input())
  if (untold.output) of.outputTokens = Math.max(of.outputTokens, output)
  of.estimated ||= untold.input || untold.output
  of.inputUnknown = false
  of.outputUnknown = false
}

const largest = 0xffff_ffff

const countNames = Object.entries(usage({}))
  .filter(([, value]) => typeof value === 'number')
  .map(([name]) => name as keyof Usage)

/** A total below zero is clamped where its parts say more; nobody told one that is no number of tokens. */
function isTold(total: number, parts: number): boolean {
  return isCount('', total) || (total < 0 && parts > 0)
}

/** Seconds may have fractions. */
function isCount(name: string, value: unknown): boolean {
  const right = name.endsWith('Seconds') ? Number.isFinite(value) : Number.isInteger(value)
  return right && (value as number) >= 0 && (value as number) <= largest
}
