import { expect, test } from 'vitest'
import type { WireUsage } from './types.ts'
import { revise, usageOf } from './usage.ts'

const known = { inputUnknown: false, outputUnknown: false }
const unknown = { inputUnknown: true, outputUnknown: true }

test.each<[WireUsage, object]>([
  [{}, { ...unknown, inputTokens: 0, outputTokens: 0 }],
  [{ input_tokens: null, output_tokens: 'few' }, unknown],
  [{ input_tokens: -3, output_tokens: -1 }, unknown],
  [
    { input_tokens: 0, output_tokens: 0 },
    { ...known, inputTokens: 0, outputTokens: 0 },
  ],
  [
    { input_tokens: '12', output_tokens: '5' },
    { ...known, inputTokens: 12, outputTokens: 5 },
  ],
  [
    { input_tokens: 12, output_tokens: [] },
    { inputUnknown: false, outputUnknown: true, inputTokens: 12 },
  ],
  [
    { output_tokens: 5, cache_read_input_tokens: 9, cache_creation_input_tokens: 2 },
    { inputUnknown: true, outputUnknown: false, inputTokens: 11, cacheReadTokens: 9, cacheWrite5mTokens: 2 },
  ],
  [
    { input_tokens: -3, output_tokens: -9, cache_read_input_tokens: 9, output_tokens_details: { thinking_tokens: 4 } },
    { ...known, inputTokens: 9, cacheReadTokens: 9, outputTokens: 4, reasoningTokens: 4 },
  ],
])('what cannot be read is not zero: %j', (wire, counted) => {
  expect(usageOf(wire)).toMatchObject({ ...counted, raw: wire })
})

test('a number that was read is not lost to a later one that cannot be', () => {
  const start = { input_tokens: 12, cache_read_input_tokens: 9, output_tokens: 1 }
  const end = { input_tokens: 'many', cache_read_input_tokens: -1, output_tokens: 50 }
  expect(revise(start, end)).toEqual({ ...start, output_tokens: 50 })
})
