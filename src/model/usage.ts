import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import type { Fields } from './events.ts'

/** A usage object in which everything not given is zero. */
export function usage(fields: Partial<Fields<Usage>>): Usage {
  return {
    $typeName: 'switchyard.v1.Usage',
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    reasoningTokens: 0,
    audioInputTokens: 0,
    audioOutputTokens: 0,
    imageInputTokens: 0,
    imageOutputTokens: 0,
    acceptedPredictionTokens: 0,
    rejectedPredictionTokens: 0,
    images: 0,
    audioSeconds: 0,
    videoSeconds: 0,
    characters: 0,
    estimated: false,
    webSearches: 0,
    cacheReadAudioTokens: 0,
    cacheReadImageTokens: 0,
    videoInputTokens: 0,
    videoOutputTokens: 0,
    citationTokens: 0,
    inputUnknown: false,
    outputUnknown: false,
    ...fields,
  }
}

const largest = 0xffff_ffff

/**
 * A token count as vendors send it, made safe to add: a missing, negative or unreadable count is 0, a fraction is cut off, a number
 * written as decimal digits is read, and nothing is above `limit`, for a subset that cannot be more than its whole.
 */
export function tokenCount(value: unknown, limit: number = largest): number {
  const told = numberIn(value) ?? 0
  return told > 0 ? Math.min(Math.trunc(told), limit, largest) : 0
}

/**
 * True for a total that nobody told: absent, no number, or below zero with none of its `parts` counted either. That is not zero:
 * `inputUnknown` or `outputUnknown` says so, and the gateway estimates it.
 */
export function isUntold(total: unknown, parts = 0): boolean {
  const told = numberIn(total)
  return told === undefined || (told < 0 && parts === 0)
}

/** The number that `others` leave of a sum; undefined where not all are told, or they are more than the sum. */
export function restOf(sum: unknown, ...others: readonly unknown[]): number | undefined {
  if (isUntold(sum) || others.some((other) => isUntold(other))) return undefined
  const rest = others.reduce<number>((left, other) => left - tokenCount(other), tokenCount(sum))
  return rest < 0 ? undefined : rest
}

/** What is known after a further usage of the same answer: one that tells neither total leaves the earlier. */
export function latest(before: Usage | undefined, later: Usage): Usage {
  return before !== undefined && later.inputUnknown && later.outputUnknown ? before : later
}

/** The least that the totals of a usage can be: what their parts add up to, which overlap where the contract says so. */
export function leastOf(of: Usage): { readonly input: number; readonly output: number } {
  const cached = of.cacheReadTokens + of.cacheWrite5mTokens + of.cacheWrite1hTokens
  const written = of.reasoningTokens + of.citationTokens + of.audioOutputTokens + of.imageOutputTokens
  const predicted = of.acceptedPredictionTokens + of.rejectedPredictionTokens
  return {
    input: tokenCount(Math.max(cached, of.audioInputTokens + of.imageInputTokens)),
    output: tokenCount(written + predicted),
  }
}

/** What several answers consumed together; unknown or estimated where one of them is. What each vendor said of its own is left out. */
export function sumOf(usages: readonly Usage[]): Usage {
  const sum: Record<string, unknown> = { ...usage({}) }
  for (const one of usages) {
    for (const [name, value] of Object.entries(one)) {
      if (typeof value === 'boolean') sum[name] = sum[name] === true || value
      else if (typeof value === 'number') sum[name] = added(Number(sum[name] ?? 0), value, name.endsWith('Seconds'))
    }
  }
  return sum as unknown as Usage
}

function added(one: number, other: number, seconds: boolean): number {
  return seconds ? one + other : Math.min(one + other, largest)
}

const decimal = /^\d{1,15}(\.\d+)?$/

function numberIn(value: unknown): number | undefined {
  if (typeof value === 'string') return decimal.test(value) ? Number(value) : undefined
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** Tokens in a text of so many UTF-16 units, where nobody counted: a quarter of them, rounded up. */
export function estimateTokens(characters: number): number {
  return Math.ceil(characters / 4)
}
