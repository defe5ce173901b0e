import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { isUntold, restOf, tokenCount, usage } from '../../model/usage.ts'
import { rawOf } from '../scalars.ts'
import type { WireUsage } from './types.ts'

/**
 * Reads a `usage` object of the Responses API. Negative and impossible numbers, which do occur, are clamped, a total to no less than its
 * parts; one that is not told is unknown, unless `total_tokens` leaves it.
 */
export function usageOf(wire: WireUsage): Usage {
  const given = wire.input_tokens_details ?? {}
  const made = wire.output_tokens_details ?? {}
  const told = isUntold(wire.output_tokens) ? restOf(wire.total_tokens, wire.input_tokens) : undefined
  const inputParts = Math.max(
    tokenCount(given['cached_tokens']) + tokenCount(given['cache_write_tokens']),
    tokenCount(given['audio_tokens']) + tokenCount(given['image_tokens']),
  )
  const outputParts = ['reasoning_tokens', 'audio_tokens', 'image_tokens'].reduce(
    (sum, name) => sum + tokenCount(made[name]),
    0,
  )
  const inputTokens = tokenCount(wire.input_tokens) || tokenCount(inputParts)
  const outputTokens = tokenCount(told ?? wire.output_tokens) || tokenCount(outputParts)
  const cacheReadTokens = tokenCount(given['cached_tokens'], inputTokens)
  return usage({
    inputTokens,
    outputTokens,
    cacheReadTokens,
    cacheWrite5mTokens: tokenCount(given['cache_write_tokens'], inputTokens - cacheReadTokens),
    reasoningTokens: tokenCount(made['reasoning_tokens'], outputTokens),
    audioInputTokens: tokenCount(given['audio_tokens'], inputTokens),
    audioOutputTokens: tokenCount(made['audio_tokens'], outputTokens),
    imageInputTokens: tokenCount(given['image_tokens'], inputTokens),
    imageOutputTokens: tokenCount(made['image_tokens'], outputTokens),
    inputUnknown: isUntold(wire.input_tokens, inputParts),
    outputUnknown: isUntold(told ?? wire.output_tokens, outputParts),
    raw: rawOf(wire),
  })
}

/** Writes usage as the Responses API does. */
export function encodeUsage(value: Usage): object {
  return {
    input_tokens: value.inputTokens,
    input_tokens_details: {
      cached_tokens: value.cacheReadTokens,
      cache_write_tokens: value.cacheWrite5mTokens + value.cacheWrite1hTokens,
    },
    output_tokens: value.outputTokens,
    output_tokens_details: { reasoning_tokens: value.reasoningTokens },
    total_tokens: value.inputTokens + value.outputTokens,
  }
}
