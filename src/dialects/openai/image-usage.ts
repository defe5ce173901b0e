import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { isUntold, restOf, tokenCount, usage } from '../../model/usage.ts'
import { rawOf } from '../scalars.ts'
import type { WireImageUsage } from './image-types.ts'

/** Reads the `usage` of images that were made. Where nothing else is said, all that was written is image. */
export function imageUsageOf(wire: WireImageUsage): Usage {
  const given = wire.input_tokens_details ?? {}
  const made = wire.output_tokens_details
  const told = isUntold(wire.output_tokens) ? restOf(wire.total_tokens, wire.input_tokens) : wire.output_tokens
  const inputParts = tokenCount(given.text_tokens) + tokenCount(given.image_tokens)
  const outputParts = tokenCount(made?.text_tokens) + tokenCount(made?.image_tokens)
  const inputTokens = tokenCount(wire.input_tokens) || tokenCount(inputParts)
  const outputTokens = tokenCount(told) || tokenCount(outputParts)
  return usage({
    inputTokens,
    outputTokens,
    cacheReadTokens: tokenCount(given.cached_tokens, inputTokens),
    imageInputTokens: tokenCount(given.image_tokens, inputTokens),
    imageOutputTokens: made == null ? outputTokens : tokenCount(made.image_tokens, outputTokens),
    inputUnknown: isUntold(wire.input_tokens, inputParts),
    outputUnknown: isUntold(told, outputParts),
    raw: rawOf(wire),
  })
}

/** Writes usage as OpenAI does for images. */
export function encodeImageUsage(value: Usage): object {
  const { inputTokens, outputTokens, imageInputTokens, imageOutputTokens } = value
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    input_tokens_details: { text_tokens: inputTokens - imageInputTokens, image_tokens: imageInputTokens },
    output_tokens_details: { text_tokens: outputTokens - imageOutputTokens, image_tokens: imageOutputTokens },
  }
}
