import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { isUntold, tokenCount, usage } from '../../model/usage.ts'
import { objectsOf, rawOf } from '../scalars.ts'
import type { WireUsage } from './types.ts'

/**
 * Reads a `usage` object of Converse: what was read from and written to the cache is beside `inputTokens`, and added to it. A total that
 * is not told is unknown.
 */
export function usageOf(wire: WireUsage): Usage {
  const read = tokenCount(wire.cacheReadInputTokens)
  const written = tokenCount(wire.cacheWriteInputTokens)
  const inputTokens = tokenCount(tokenCount(wire.inputTokens) + read + written)
  const cacheReadTokens = tokenCount(read, inputTokens)
  const cacheWriteTokens = tokenCount(written, inputTokens - cacheReadTokens)
  const hourly = objectsOf(wire.cacheDetails).filter(({ ttl }) => ttl === '1h')
  const hours = hourly.reduce((sum, { inputTokens: tokens }) => sum + tokenCount(tokens), 0)
  const cacheWrite1hTokens = tokenCount(hours, cacheWriteTokens)
  return usage({
    inputTokens,
    outputTokens: tokenCount(wire.outputTokens),
    cacheReadTokens,
    cacheWrite5mTokens: cacheWriteTokens - cacheWrite1hTokens,
    cacheWrite1hTokens,
    inputUnknown: isUntold(wire.inputTokens, read + written),
    outputUnknown: isUntold(wire.outputTokens),
    raw: rawOf(wire),
  })
}
