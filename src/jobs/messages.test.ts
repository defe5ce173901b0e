import { expect, test } from 'vitest'
import type { RequestFacts } from '../dialects/contract.ts'
import { batchRoutes as openai } from '../dialects/openai/batches.ts'
import { batchRoutes as scaigrid } from '../dialects/scaigrid/batches.ts'
import type { Surface } from '../dialects/surface.ts'
import { usage } from '../model/usage.ts'
import type { BatchRow, UsageSums } from '../store/contract.ts'
import { batchMessage } from './messages.ts'

const { $typeName: _, estimated: __, inputUnknown: ___, outputUnknown: ____, ...none } = usage({})
const sums: UsageSums = {
  ...none,
  inputTokens: 5_000_000_000,
  outputTokens: 7,
  cacheReadTokens: 4_999_999_999,
  audioSeconds: 0.5,
  estimatedRequests: 2,
}
const row: BatchRow = {
  id: 'batch_1',
  accountId: 'acme',
  keyId: 'k',
  dialect: 'openai',
  input: 'file-1',
  endpoint: '',
  completionWindow: '24h',
  metadata: {},
  outputPrefix: '',
  created: 1,
  expires: 2,
  status: 'in_progress',
  total: 3,
  completed: 2,
  failed: 0,
  usage: sums,
  outputFileId: '',
  errorFileId: '',
  began: 1,
  finalizing: undefined,
  cancelling: undefined,
  finished: undefined,
  problem: undefined,
}

test('sums above what a usage can say are whole beside it, and the most there is within it', () => {
  expect(batchMessage(row)).toMatchObject({
    usage: { inputTokens: 0xffff_ffff, outputTokens: 7, audioSeconds: 0.5, estimated: true },
    usageTotals: { inputTokens: 5_000_000_000n, outputTokens: 7n, audioSeconds: 0.5, estimatedRequests: 2n },
  })
})

test.each([
  [
    'openai',
    openai.find(({ path, method }) => method === 'GET' && path === '/v1/batches/:id'),
    {
      input_tokens: 5_000_000_000,
      input_tokens_details: { cached_tokens: 4_999_999_999 },
      output_tokens: 7,
      total_tokens: 5_000_000_007,
    },
  ],
  [
    'scaigrid',
    scaigrid.find(({ path, method }) => method === 'GET' && path === '/v1/inference/batch/:id'),
    { prompt_tokens: 5_000_000_000, completion_tokens: 7, total_tokens: 5_000_000_007 },
  ],
])('%s tells the whole sums', async (_name, route, told) => {
  const batches: Pick<Surface['batches'], 'get'> = { get: () => Promise.resolve(batchMessage(row)) }
  const facts = { requestId: 'r', params: { id: row.id } } as unknown as RequestFacts
  const answered = (await route?.answer(facts, { batches } as unknown as Surface, undefined)) as { data?: object }
  expect(answered.data ?? answered).toMatchObject({ usage: told })
})
