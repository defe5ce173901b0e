import { expect, test } from 'vitest'
import type { WireUsage } from './types.ts'
import { usageOf } from './usage.ts'

const known = { inputUnknown: false, outputUnknown: false }
const unknown = { inputUnknown: true, outputUnknown: true }

test('reasoning beside the completion is known by the total', () => {
  const wire = { prompt_tokens: 10, completion_tokens: 5, completion_tokens_details: { reasoning_tokens: 7 } }
  expect(usageOf({ ...wire, total_tokens: 22 })).toMatchObject({ outputTokens: 12, reasoningTokens: 7 })
  expect(usageOf({ ...wire, total_tokens: 15 })).toMatchObject({ outputTokens: 5, reasoningTokens: 5 })
})

test('cited passages and reasoning are output beside the completion, and searches are counted', () => {
  const wire = {
    prompt_tokens: 33,
    completion_tokens: 7163,
    total_tokens: 7196,
    citation_tokens: 19_028,
    reasoning_tokens: 73_997,
    num_search_queries: 21,
  }
  expect(usageOf(wire)).toMatchObject({
    inputTokens: 33,
    outputTokens: 7163 + 19_028 + 73_997,
    reasoningTokens: 73_997,
    citationTokens: 19_028,
    webSearches: 21,
  })
})

test.each<[WireUsage, object]>([
  [{}, { ...unknown, inputTokens: 0, outputTokens: 0 }],
  [{ prompt_tokens: null, completion_tokens: [] }, unknown],
  [{ prompt_tokens: 'many', completion_tokens: -1, total_tokens: {} }, unknown],
  [
    { prompt_tokens: 0, completion_tokens: 0 },
    { ...known, inputTokens: 0, outputTokens: 0 },
  ],
  [
    { prompt_tokens: '12', completion_tokens: '5.0' },
    { ...known, inputTokens: 12, outputTokens: 5 },
  ],
  [
    { prompt_tokens: 12, completion_tokens: {} },
    { inputUnknown: false, outputUnknown: true, inputTokens: 12 },
  ],
  [
    { prompt_tokens: true, completion_tokens: 5 },
    { inputUnknown: true, outputUnknown: false, outputTokens: 5 },
  ],
  [
    { prompt_tokens: 12, total_tokens: 12 },
    { ...known, inputTokens: 12, outputTokens: 0 },
  ],
  [
    { prompt_tokens: 12, completion_tokens: null, total_tokens: 17 },
    { ...known, outputTokens: 5 },
  ],
  [{ prompt_tokens: 12, total_tokens: 11 }, { outputUnknown: true }],
  [
    {
      prompt_tokens_details: { cached_tokens: 9 },
      completion_tokens_details: { reasoning_tokens: 3, audio_tokens: 4 },
    },
    { ...unknown, inputTokens: 9, cacheReadTokens: 9, outputTokens: 7, reasoningTokens: 3, audioOutputTokens: 4 },
  ],
  [
    { prompt_tokens: -2, completion_tokens: -9, prompt_tokens_details: { image_tokens: 6 }, reasoning_tokens: 448 },
    { ...known, inputTokens: 6, imageInputTokens: 6, outputTokens: 448, reasoningTokens: 448 },
  ],
  [
    { prompt_tokens: 3, completion_tokens: 0, reasoning_tokens: 7 },
    { ...known, outputTokens: 7, reasoningTokens: 7 },
  ],
])('what cannot be read is not zero: %j', (wire, counted) => {
  expect(usageOf(wire)).toMatchObject({ ...counted, raw: wire })
})
