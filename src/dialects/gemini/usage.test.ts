import { expect, test } from 'vitest'
import type { WireUsage } from './types.ts'
import { encodeUsage, hasCounts, usageOf } from './usage.ts'

const known = { inputUnknown: false, outputUnknown: false }
const unknown = { inputUnknown: true, outputUnknown: true }

const counted = {
  promptTokenCount: 1000,
  cachedContentTokenCount: 600,
  candidatesTokenCount: 90,
  toolUsePromptTokenCount: 40,
  totalTokenCount: 1130,
  promptTokensDetails: [
    { modality: 'TEXT', tokenCount: 100 },
    { modality: 'AUDIO', tokenCount: 300 },
    { modality: 'IMAGE', tokenCount: 200 },
    { modality: 'VIDEO', tokenCount: 250 },
    { modality: 'DOCUMENT', tokenCount: 150 },
  ],
  toolUsePromptTokensDetails: [
    { modality: 'TEXT', tokenCount: 30 },
    { modality: 'IMAGE', tokenCount: 10 },
  ],
  cacheTokensDetails: [
    { modality: 'AUDIO', tokenCount: 200 },
    { modality: 'VIDEO', tokenCount: 250 },
    { modality: 'DOCUMENT', tokenCount: 150 },
  ],
  candidatesTokensDetails: [
    { modality: 'IMAGE', tokenCount: 20 },
    { modality: 'VIDEO', tokenCount: 70 },
  ],
}

test('counts every modality, of the prompt and of what tools read, and what of each came from the cache', () => {
  expect(usageOf(counted)).toMatchObject({
    inputTokens: 1040,
    outputTokens: 90,
    cacheReadTokens: 600,
    audioInputTokens: 300,
    imageInputTokens: 610,
    videoInputTokens: 250,
    cacheReadAudioTokens: 200,
    cacheReadImageTokens: 400,
    imageOutputTokens: 90,
    videoOutputTokens: 70,
  })
})

test('what is written is read as the same classes', () => {
  const { raw, ...usage } = usageOf(counted)
  expect(raw).toBe(counted)
  const { raw: written, ...again } = usageOf(encodeUsage(usage))
  expect(again).toEqual(usage)
  expect(written).toBeDefined()
})

test('a part is never more than its whole', () => {
  const usage = usageOf({
    promptTokenCount: 10,
    cachedContentTokenCount: 4,
    promptTokensDetails: [{ modality: 'AUDIO', tokenCount: 99 }],
    cacheTokensDetails: [
      { modality: 'AUDIO', tokenCount: 99 },
      { modality: 'IMAGE', tokenCount: 99 },
    ],
  })
  expect(usage).toMatchObject({ audioInputTokens: 10, cacheReadAudioTokens: 4, cacheReadImageTokens: 0 })
})

test.each<[WireUsage, object]>([
  [
    { promptTokenCount: null, candidatesTokenCount: 'few' },
    { ...unknown, inputTokens: 0, outputTokens: 0 },
  ],
  [{ promptTokenCount: -3, candidatesTokenCount: -1, totalTokenCount: -4 }, unknown],
  [
    { promptTokenCount: 0, candidatesTokenCount: 0 },
    { ...known, inputTokens: 0, outputTokens: 0 },
  ],
  [
    { promptTokenCount: '12', candidatesTokenCount: '5' },
    { ...known, inputTokens: 12, outputTokens: 5 },
  ],
  [{ promptTokenCount: 12 }, { inputUnknown: false, outputUnknown: true, inputTokens: 12 }],
  [
    { promptTokenCount: 12, totalTokenCount: 12 },
    { ...known, inputTokens: 12, outputTokens: 0 },
  ],
  [
    { promptTokenCount: 12, toolUsePromptTokenCount: 3, thoughtsTokenCount: 4, totalTokenCount: 24 },
    { ...known, inputTokens: 15, outputTokens: 9, reasoningTokens: 4 },
  ],
  [{ candidatesTokenCount: 5 }, { inputUnknown: true, outputUnknown: false, outputTokens: 5 }],
  [
    { promptTokenCount: {}, cachedContentTokenCount: 9, thoughtsTokenCount: 4 },
    { ...unknown, inputTokens: 9, cacheReadTokens: 9, outputTokens: 4, reasoningTokens: 4 },
  ],
  [
    { promptTokenCount: -1, candidatesTokenCount: -9, cachedContentTokenCount: 9, thoughtsTokenCount: 4 },
    { ...known, inputTokens: 9, cacheReadTokens: 9, outputTokens: 4, reasoningTokens: 4 },
  ],
])('what cannot be read is not zero: %j', (wire, spent) => {
  expect(usageOf(wire)).toMatchObject({ ...spent, raw: wire })
  expect(hasCounts(wire)).toBe(true)
})
