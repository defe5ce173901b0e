import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { isUntold, tokenCount, usage } from '../../model/usage.ts'
import { rawOf } from '../scalars.ts'
import type { WireUsage } from './types.ts'

/**
 * What is known after a further `usage` object of the same stream. Its numbers are totals of the whole answer: one that is there
 * replaces the earlier one, one that is absent, null or unreadable leaves it.
 */
export function revise(before: WireUsage | undefined, later: WireUsage): WireUsage {
  const known = new Map(Object.entries(before ?? {}))
  const says = ([name, value]: [string, unknown]) =>
    value != null && !(typeof known.get(name) === 'number' && isUntold(value))
  return { ...before, ...Object.fromEntries(Object.entries(later).filter(says)) }
}

/** True for a `usage` object that tells the output of the whole answer, or of as much as there is. */
export function tellsOutput(wire: WireUsage): boolean {
  return !isUntold(wire.output_tokens)
}

/**
 * Reads a `usage` object. Its `input_tokens` leave out what was read from and written to the cache; the contract's total has them.
 * The two lifetimes of cache writes are told only at the start of a stream, and bound by the total that its end tells. A total that is
 * not told is unknown; so is the output while it is `provisional`, the number that a stream begins with.
 */
export function usageOf(wire: WireUsage, provisional = false): Usage {
  const read = tokenCount(wire.cache_read_input_tokens)
  const fiveMinutes = tokenCount(wire.cache_creation?.['ephemeral_5m_input_tokens'])
  const hour = tokenCount(wire.cache_creation?.['ephemeral_1h_input_tokens'])
  const created = tokenCount(wire.cache_creation_input_tokens ?? fiveMinutes + hour)
  const inputTokens = tokenCount(tokenCount(wire.input_tokens) + read + created)
  const cacheReadTokens = tokenCount(read, inputTokens)
  const written = tokenCount(created, inputTokens - cacheReadTokens)
  const cacheWrite1hTokens = Math.min(hour, written)
  const thinking = tokenCount(wire.output_tokens_details?.['thinking_tokens'])
  const outputTokens = Math.max(tokenCount(wire.output_tokens), provisional ? thinking : 0) || thinking
  return usage({
    inputTokens,
    outputTokens,
    cacheReadTokens,
    cacheWrite5mTokens: written - cacheWrite1hTokens,
    cacheWrite1hTokens,
    reasoningTokens: Math.min(thinking, outputTokens),
    webSearches: tokenCount(wire.server_tool_use?.['web_search_requests']),
    inputUnknown: isUntold(wire.input_tokens, read + created),
    outputUnknown: provisional || isUntold(wire.output_tokens, thinking),
    raw: rawOf(wire),
  })
}

/** Writes usage as Anthropic does: the input without what the cache read or took in. */
export function encodeUsage(value: Usage | undefined): object {
  if (value === undefined) return { input_tokens: 0, output_tokens: 0 }
  const written = value.cacheWrite5mTokens + value.cacheWrite1hTokens
  return {
    input_tokens: Math.max(0, value.inputTokens - value.cacheReadTokens - written),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: value.cacheReadTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: value.cacheWrite5mTokens,
      ephemeral_1h_input_tokens: value.cacheWrite1hTokens,
    },
    output_tokens: value.outputTokens,
    ...(value.reasoningTokens > 0 && { output_tokens_details: { thinking_tokens: value.reasoningTokens } }),
    ...(value.webSearches > 0 && { server_tool_use: { web_search_requests: value.webSearches } }),
  }
}
