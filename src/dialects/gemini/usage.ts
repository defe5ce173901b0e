import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { isUntold, restOf, tokenCount, usage } from '../../model/usage.ts'
import { rawOf } from '../scalars.ts'
import type { WireModality, WireUsage } from './types.ts'
import { modalityOf } from './words.ts'

/** True for a `usageMetadata` that counts something: chunks in the middle of a stream may name a traffic class alone. */
export function hasCounts({ promptTokenCount, candidatesTokenCount, totalTokenCount }: WireUsage): boolean {
  return [promptTokenCount, candidatesTokenCount, totalTokenCount].some((count) => count !== undefined)
}

/**
 * Reads a `usageMetadata`. Google counts thoughts beside the candidates, and what its own tools read beside the prompt: both are
 * added. Cached tokens are part of the prompt. Pages of documents are read, and billed, as images. Google leaves out what is zero, so
 * candidates that are not told are what the total leaves of itself; a count that nothing tells is unknown.
 */
export function usageOf(wire: WireUsage): Usage {
  const { promptTokenCount: prompt, toolUsePromptTokenCount: tools, totalTokenCount: total } = wire
  const thoughts = tokenCount(wire.thoughtsTokenCount)
  const candidates = isUntold(wire.candidatesTokenCount)
    ? restOf(total, prompt, tokenCount(tools), thoughts)
    : wire.candidatesTokenCount
  const given = countsOf(wire.promptTokensDetails, wire.toolUsePromptTokensDetails)
  const made = countsOf(wire.candidatesTokensDetails)
  const cached = countsOf(wire.cacheTokensDetails)
  const inputParts = Math.max(tokenCount(wire.cachedContentTokenCount), given('AUDIO', ...pictures), tokenCount(tools))
  const outputParts = thoughts + made('AUDIO', ...pictures)
  const inputTokens = tokenCount(tokenCount(prompt) + tokenCount(tools)) || tokenCount(inputParts)
  const outputTokens = tokenCount(tokenCount(candidates) + thoughts) || tokenCount(outputParts)
  const cacheReadTokens = tokenCount(wire.cachedContentTokenCount, inputTokens)
  const audioInputTokens = tokenCount(given('AUDIO'), inputTokens)
  const imageInputTokens = tokenCount(given(...pictures), inputTokens)
  const imageOutputTokens = tokenCount(made(...pictures), outputTokens)
  return usage({
    inputTokens,
    outputTokens,
    cacheReadTokens,
    reasoningTokens: Math.min(thoughts, outputTokens),
    audioInputTokens,
    audioOutputTokens: tokenCount(made('AUDIO'), outputTokens),
    imageInputTokens,
    imageOutputTokens,
    cacheReadAudioTokens: tokenCount(cached('AUDIO'), Math.min(cacheReadTokens, audioInputTokens)),
    cacheReadImageTokens: tokenCount(cached(...pictures), Math.min(cacheReadTokens, imageInputTokens)),
    videoInputTokens: tokenCount(given('VIDEO'), imageInputTokens),
    videoOutputTokens: tokenCount(made('VIDEO'), imageOutputTokens),
    inputUnknown: isUntold(prompt, inputParts),
    outputUnknown: isUntold(candidates ?? wire.candidatesTokenCount, outputParts),
    raw: rawOf(wire),
  })
}

const pictures = ['IMAGE', 'VIDEO', 'DOCUMENT']

function countsOf(...details: (WireModality[] | null | undefined)[]): (...modalities: string[]) => number {
  const list = details.flatMap((one) => (Array.isArray(one) ? one : []))
  return (...modalities) =>
    list.reduce(
      (sum, one) => (modalities.includes(modalityOf(one?.modality)) ? sum + tokenCount(one.tokenCount) : sum),
      0,
    )
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
    ...detailsOf('promptTokensDetails', inputTokens, {
      audio: value.audioInputTokens,
      images: value.imageInputTokens,
      video: value.videoInputTokens,
    }),
    ...detailsOf('candidatesTokensDetails', outputTokens - reasoningTokens, {
      audio: value.audioOutputTokens,
      images: value.imageOutputTokens,
      video: value.videoOutputTokens,
    }),
    ...detailsOf('cacheTokensDetails', cacheReadTokens, {
      audio: value.cacheReadAudioTokens,
      images: value.cacheReadImageTokens,
      video: 0,
    }),
  }
}

/** Tokens by modality, where there is more than text; video is counted among the images. */
function detailsOf(name: string, all: number, part: { audio: number; images: number; video: number }): object {
  const { audio, images, video } = part
  if (audio + images === 0) return {}
  const plain = { modality: 'TEXT', tokenCount: Math.max(0, all - audio - images) }
  const others = [
    { modality: 'AUDIO', tokenCount: audio },
    { modality: 'IMAGE', tokenCount: Math.max(0, images - video) },
    { modality: 'VIDEO', tokenCount: video },
  ]
  return { [name]: [plain, ...others.filter(({ tokenCount: count }) => count > 0)] }
}
