import { expect, test } from 'vitest'
import { encodeUsage, usageOf } from './usage.ts'

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
