import type { JsonObject } from '@bufbuild/protobuf'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { tokenCount, usage } from '../../model/usage.ts'
import type { WireUsage } from './types.ts'

/** Reads a `usage` object of Converse: what was read from and written to the cache is beside `inputTokens`, and added to it. */
export function usageOf(wire: WireUsage): Usage {
  const read = tokenCount(wire.cacheReadInputTokens)
  const written = tokenCount(wire.cacheWriteInputTokens)
  const hourly = (wire.cacheDetails ?? []).filter(({ ttl }) => ttl === '1h')
  const cacheWrite1hTokens = Math.min(
    written,
    hourly.reduce((sum, { inputTokens }) => sum + tokenCount(inputTokens), 0),
  )
  return usage({
    inputTokens: tokenCount(wire.inputTokens) + read + written,
    outputTokens: tokenCount(wire.outputTokens),
    cacheReadTokens: read,
    cacheWrite5mTokens: written - cacheWrite1hTokens,
    cacheWrite1hTokens,
    raw: wire as JsonObject,
  })
}
