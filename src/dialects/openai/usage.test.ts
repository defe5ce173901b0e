import { expect, test } from 'vitest'
import { usageOf } from './usage.ts'

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
