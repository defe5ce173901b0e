import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { tokenCount, usage } from '../../model/usage.ts'
import { isObject, rawOf } from '../scalars.ts'
import type { WireUsage } from './types.ts'

/**
 * Reads a `usage` object: `tokens` are what the model read and wrote, `billed_units` leave out the vendor's own preamble and count
 * only where there are no tokens. Images are beside `input_tokens` (recorded: 501 of text, 518 of images) and added to it.
 */
export function usageOf(wire: WireUsage): Usage | undefined {
  const counted = wire.tokens ?? wire.billed_units
  if (!isObject(counted)) return undefined
  const imageInputTokens = tokenCount(wire.tokens?.image_tokens)
  const inputTokens = tokenCount(tokenCount(counted.input_tokens) + imageInputTokens)
  return usage({
    inputTokens,
    outputTokens: tokenCount(counted.output_tokens),
    cacheReadTokens: tokenCount(wire.cached_tokens, inputTokens),
    imageInputTokens,
    raw: rawOf(wire),
  })
}
