import type { JsonObject } from '@bufbuild/protobuf'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { tokenCount, usage } from '../../model/usage.ts'
import type { WireModality, WireUsage } from './types.ts'
import { modalityOf } from './words.ts'

/** True for a `usageMetadata` that has numbers: chunks in the middle of a stream may name a traffic class alone. */
export function hasCounts(wire: WireUsage): boolean {
  return wire.promptTokenCount !== undefined || wire.totalTokenCount !== undefined
}

/**
 * Reads a `usageMetadata`. Google counts thoughts beside the candidates, and what its own tools read beside the prompt: both are
 * added. Cached tokens are part of the prompt.
 */
export function usageOf(wire: WireUsage): Usage {
  const inputTokens = tokenCount(tokenCount(wire.promptTokenCount) + tokenCount(wire.toolUsePromptTokenCount))
  const thoughts = tokenCount(wire.thoughtsTokenCount)
  const outputTokens = tokenCount(tokenCount(wire.candidatesTokenCount) + thoughts)
  const given = countsOf(wire.promptTokensDetails)
  const made = countsOf(wire.candidatesTokensDetails)
  return usage({
    inputTokens,
    outputTokens,
    cacheReadTokens: tokenCount(wire.cachedContentTokenCount, inputTokens),
    reasoningTokens: Math.min(thoughts, outputTokens),
    audioInputTokens: tokenCount(given('AUDIO'), inputTokens),
    audioOutputTokens: tokenCount(made('AUDIO'), outputTokens),
    imageInputTokens: tokenCount(given('IMAGE') + given('VIDEO'), inputTokens),
    imageOutputTokens: tokenCount(made('IMAGE') + made('VIDEO'), outputTokens),
    raw: wire as JsonObject,
  })
}

function countsOf(details: WireModality[] | null | undefined): (modality: string) => number {
  const list = Array.isArray(details) ? details : []
  return (modality) =>
    list.reduce((sum, one) => (modalityOf(one?.modality) === modality ? sum + tokenCount(one.tokenCount) : sum), 0)
}

/** Writes usage as Google does: thoughts beside the candidates, and classes without tokens left out. */
export function encodeUsage(value: Usage): object {
  const { inputTokens, outputTokens, reasoningTokens, cacheReadTokens } = value
  return {
    promptTokenCount: inputTokens,
    ...(cacheReadTokens > 0 && { cachedContentTokenCount: cacheReadTokens }),
    candidatesTokenCount: outputTokens - reasoningTokens,
    ...(reasoningTokens > 0 && { thoughtsTokenCount: reasoningTokens }),
    totalTokenCount: inputTokens + outputTokens,
    ...detailsOf('promptTokensDetails', inputTokens, value.audioInputTokens, value.imageInputTokens),
    ...detailsOf(
      'candidatesTokensDetails',
      outputTokens - reasoningTokens,
      value.audioOutputTokens,
      value.imageOutputTokens,
    ),
  }
}

/** Tokens by modality, where there is more than text. */
function detailsOf(name: string, all: number, audio: number, image: number): object {
  if (audio + image === 0) return {}
  const plain = { modality: 'TEXT', tokenCount: Math.max(0, all - audio - image) }
  const others = [
    { modality: 'AUDIO', tokenCount: audio },
    { modality: 'IMAGE', tokenCount: image },
  ]
  return { [name]: [plain, ...others.filter(({ tokenCount: count }) => count > 0)] }
}
