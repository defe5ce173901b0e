import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { isUntold, restOf, tokenCount, usage } from '../../model/usage.ts'
import { rawOf } from '../scalars.ts'
import type { WireUsage } from './types.ts'

/**
 * Reads a `usage` object of OpenAI or of a vendor compatible with it. Impossible numbers are clamped, a total to no less than its parts;
 * one that is not told is unknown, unless `total_tokens` leaves it. Reasoning that a vendor counts beside `completion_tokens`, and audio
 * beside `prompt_tokens` (its total tells), are added to the output and input. Where cited passages are counted, they and the reasoning
 * are beside `completion_tokens`, whatever the total says (Perplexity).
 */
export function usageOf(wire: WireUsage): Usage {
  const given = wire.prompt_tokens_details ?? {}
  const made = wire.completion_tokens_details ?? {}
  const prompt = tokenCount(wire.prompt_tokens)
  const audio = tokenCount(given['audio_tokens'])
  const images = tokenCount(given['image_tokens'])
  const told = isUntold(wire.completion_tokens) ? restOf(wire.total_tokens, wire.prompt_tokens) : undefined
  const completion = tokenCount(told ?? wire.completion_tokens)
  const reasoning = tokenCount(made['reasoning_tokens'] ?? wire.reasoning_tokens)
  const total = tokenCount(wire.total_tokens)
  const cached = tokenCount(
    given['cached_tokens'] ?? wire.cache_read_input_tokens ?? wire.prompt_cache_hit_tokens ?? wire.num_cached_tokens,
  )
  const stored = tokenCount(given['cache_write_tokens'] ?? wire.cache_creation_input_tokens)
  const inputParts = tokenCount(Math.max(cached + stored, audio + images))
  const input = audio > 0 && total === prompt + audio + completion ? prompt + audio : prompt
  const inputTokens = tokenCount(input) || inputParts
  const citationTokens = tokenCount(wire.citation_tokens)
  const beside = citationTokens > 0 || (reasoning > 0 && total === prompt + completion + reasoning)
  const output = tokenCount((beside ? completion + reasoning : completion) + citationTokens)
  const accepted = tokenCount(made['accepted_prediction_tokens'])
  const rejected = tokenCount(made['rejected_prediction_tokens'])
  const media = tokenCount(made['audio_tokens']) + tokenCount(made['image_tokens'])
  const outputParts = tokenCount(reasoning + media + accepted + rejected)
  const outputTokens = output || outputParts
  const cacheReadTokens = Math.min(cached, inputTokens)
  const uncached = inputTokens - cacheReadTokens
  const cacheWrite1hTokens = tokenCount(wire.cache_creation?.['ephemeral_1h_input_tokens'], uncached)
  const written = Math.min(stored, uncached)
  return usage({
    inputTokens,
    outputTokens,
    cacheReadTokens,
    cacheWrite5mTokens: Math.max(0, written - cacheWrite1hTokens),
    cacheWrite1hTokens,
    reasoningTokens: Math.min(reasoning, outputTokens),
    citationTokens,
    webSearches: tokenCount(wire.num_search_queries),
    audioInputTokens: Math.min(audio, inputTokens),
    audioOutputTokens: tokenCount(made['audio_tokens'], outputTokens),
    imageInputTokens: Math.min(images, inputTokens),
    imageOutputTokens: tokenCount(made['image_tokens'], outputTokens),
    acceptedPredictionTokens: Math.min(accepted, outputTokens),
    rejectedPredictionTokens: Math.min(rejected, outputTokens),
    inputUnknown: isUntold(wire.prompt_tokens, inputParts),
    outputUnknown: isUntold(told ?? wire.completion_tokens, outputParts + citationTokens),
    raw: rawOf(wire),
  })
}

/** Writes usage as OpenAI does, with the flat cache counts that clients of other APIs know. */
export function encodeUsage(value: Usage): object {
  return {
    prompt_tokens: value.inputTokens,
    completion_tokens: value.outputTokens,
    total_tokens: value.inputTokens + value.outputTokens,
    prompt_tokens_details: { cached_tokens: value.cacheReadTokens, audio_tokens: value.audioInputTokens },
    completion_tokens_details: {
      reasoning_tokens: value.reasoningTokens,
      audio_tokens: value.audioOutputTokens,
      accepted_prediction_tokens: value.acceptedPredictionTokens,
      rejected_prediction_tokens: value.rejectedPredictionTokens,
    },
    cache_read_input_tokens: value.cacheReadTokens,
    cache_creation_input_tokens: value.cacheWrite5mTokens + value.cacheWrite1hTokens,
  }
}
