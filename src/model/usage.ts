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
    ...fields,
  }
}

const largest = 0xffff_ffff

/**
 * A token count as vendors send it, made safe to add: a missing, negative or non-numeric count is 0, a fraction is cut off,
 * and nothing is above `limit`, for a subset that cannot be more than its whole.
 */
export function tokenCount(value: unknown, limit: number = largest): number {
  if (typeof value !== 'number' || !(value > 0)) return 0
  return Math.min(Math.trunc(value), limit, largest)
}

/** Tokens in a text of so many UTF-16 units, where nobody counted: a quarter of them, rounded up. */
export function estimateTokens(characters: number): number {
  return Math.ceil(characters / 4)
}
