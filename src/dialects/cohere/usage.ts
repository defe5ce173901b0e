import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { isUntold, tokenCount, usage } from '../../model/usage.ts'
import { isObject, rawOf } from '../scalars.ts'
import type { WireUsage } from './types.ts'

/**
 * Reads a `usage` object: `tokens` are what the model read and wrote, `billed_units` leave out the vendor's own preamble and count
 * only where there are no tokens. Images are beside `input_tokens` (recorded: 501 of text, 518 of images) and added to it. A total that
 * neither tells is unknown; undefined without either.
 */
export function usageOf(wire: WireUsage): Usage | undefined {
  const counts = [wire.tokens, wire.billed_units].filter((one) => isObject(one))
  if (counts.length === 0) return undefined
  const input = counts.find((one) => !isUntold(one.input_tokens))?.input_tokens
  const output = counts.find((one) => !isUntold(one.output_tokens))?.output_tokens
  const imageInputTokens = tokenCount(wire.tokens?.image_tokens)
  const cached = tokenCount(wire.cached_tokens)
  const inputTokens = tokenCount(tokenCount(input) + imageInputTokens) || cached
  return usage({
    inputTokens,
    outputTokens: tokenCount(output),
    cacheReadTokens: Math.min(cached, inputTokens),
    imageInputTokens,
    inputUnknown: isUntold(input),
    outputUnknown: isUntold(output),
    raw: rawOf(wire),
  })
}
