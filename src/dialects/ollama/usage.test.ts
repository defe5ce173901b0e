import { expect, test } from 'vitest'
import { usageOf } from './usage.ts'

const known = { inputUnknown: false, outputUnknown: false }
const unknown = { inputUnknown: true, outputUnknown: true }

test.each<[Record<string, unknown>, object]>([
  [{ prompt_eval_count: null, eval_count: 'few' }, unknown],
  [{ prompt_eval_count: -3, eval_count: [] }, unknown],
  [
    { prompt_eval_count: 0, eval_count: 0 },
    { ...known, inputTokens: 0, outputTokens: 0 },
  ],
  [
    { prompt_eval_count: '12', eval_count: '5' },
    { ...known, inputTokens: 12, outputTokens: 5 },
  ],
  [{ eval_count: 5 }, { inputUnknown: true, outputUnknown: false, outputTokens: 5 }],
  [{ prompt_eval_count: 12 }, { inputUnknown: false, outputUnknown: true, inputTokens: 12 }],
])('what cannot be read is not zero: %j', (wire, counted) => {
  expect(usageOf(wire)).toMatchObject({ ...counted, raw: wire })
})

test('an answer without counts has no usage', () => {
  expect(usageOf({ done: true })).toBeUndefined()
})
