import { expect, test } from 'vitest'
import { usageOf } from './usage.ts'

const known = { inputUnknown: false, outputUnknown: false }
const unknown = { inputUnknown: true, outputUnknown: true }

test.each<[Record<string, unknown>, object]>([
  [{}, { ...unknown, inputTokens: 0, outputTokens: 0 }],
  [{ inputTokens: null, outputTokens: 'few' }, unknown],
  [{ inputTokens: -3, outputTokens: -1 }, unknown],
  [
    { inputTokens: 0, outputTokens: 0 },
    { ...known, inputTokens: 0, outputTokens: 0 },
  ],
  [
    { inputTokens: '12', outputTokens: '5' },
    { ...known, inputTokens: 12, outputTokens: 5 },
  ],
  [{ inputTokens: 12 }, { inputUnknown: false, outputUnknown: true, inputTokens: 12 }],
  [
    { inputTokens: [], outputTokens: 5, cacheReadInputTokens: 9, cacheWriteInputTokens: 2 },
    { inputUnknown: true, outputUnknown: false, inputTokens: 11, cacheReadTokens: 9, cacheWrite5mTokens: 2 },
  ],
  [
    { inputTokens: -3, outputTokens: 5, cacheReadInputTokens: 9 },
    { ...known, inputTokens: 9, cacheReadTokens: 9, outputTokens: 5 },
  ],
])('what cannot be read is not zero: %j', (wire, counted) => {
  expect(usageOf(wire)).toMatchObject({ ...counted, raw: wire })
})
