import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { tokenCount, usage } from '../../model/usage.ts'
import { rawOf } from '../scalars.ts'
import type { WireUsage } from './types.ts'

/** Reads a `usage` object of the Responses API. Negative and impossible numbers, which do occur, are clamped. */
export function usageOf(wire: WireUsage): Usage {
  const given = wire.input_tokens_details ?? {}
  const made = wire.output_tokens_details ?? {}
  const inputTokens = tokenCount(wire.input_tokens)
  const outputTokens = tokenCount(wire.output_tokens)
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
