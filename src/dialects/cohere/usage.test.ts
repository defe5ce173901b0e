import { expect, test } from 'vitest'
import { usageOf } from './usage.ts'

const known = { inputUnknown: false, outputUnknown: false }
const unknown = { inputUnknown: true, outputUnknown: true }

test.each<[Record<string, unknown>, object]>([
  [{ tokens: {} }, { ...unknown, inputTokens: 0, outputTokens: 0 }],
  [{ tokens: { input_tokens: null, output_tokens: 'few' }, billed_units: [] }, unknown],
  [{ billed_units: { input_tokens: -3, output_tokens: -1 } }, unknown],
  [{ tokens: { input_tokens: 0, output_tokens: 0 } }, { ...known, inputTokens: 0, outputTokens: 0 }],
  [{ tokens: { input_tokens: '12', output_tokens: '5' } }, { ...known, inputTokens: 12, outputTokens: 5 }],
  [
    { tokens: { output_tokens: {}, input_tokens: 12 }, billed_units: { input_tokens: 4, output_tokens: 5 } },
    { ...known, inputTokens: 12, outputTokens: 5 },
  ],
  [
    { tokens: { output_tokens: 5, image_tokens: 7 }, cached_tokens: 3 },
    { inputUnknown: true, outputUnknown: false, inputTokens: 7, imageInputTokens: 7, cacheReadTokens: 3 },
  ],
])('what cannot be read is not zero: %j', (wire, counted) => {
  expect(usageOf(wire)).toMatchObject({ ...counted, raw: wire })
})

test.each([{}, { tokens: null }, { tokens: 7, billed_units: 'x' }])('%j is no usage at all', (wire) => {
  expect(usageOf(wire as object)).toBeUndefined()
})
