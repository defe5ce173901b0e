import { expect, test } from 'vitest'
import type { WireUsage } from './types.ts'
import { usageOf } from './usage.ts'

const known = { inputUnknown: false, outputUnknown: false }
const unknown = { inputUnknown: true, outputUnknown: true }

test.each<[WireUsage, object]>([
  [{}, { ...unknown, inputTokens: 0, outputTokens: 0 }],
  [{ input_tokens: null, output_tokens: 'few' }, unknown],
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
    { input_tokens: 12, output_tokens: null, total_tokens: 17 },
    { ...known, outputTokens: 5 },
  ],
  [
    { output_tokens: 5, input_tokens_details: { cached_tokens: 9, cache_write_tokens: 2 } },
    { inputUnknown: true, outputUnknown: false, inputTokens: 11, cacheReadTokens: 9, cacheWrite5mTokens: 2 },
  ],
  [
    { input_tokens: 0, output_tokens: -9, output_tokens_details: { reasoning_tokens: 448 }, total_tokens: -9 },
    { ...known, inputTokens: 0, outputTokens: 448, reasoningTokens: 448 },
  ],
  [{ input_tokens: -1, output_tokens: -9 }, unknown],
])('what cannot be read is not zero: %j', (wire, counted) => {
  expect(usageOf(wire)).toMatchObject({ ...counted, raw: wire })
})
