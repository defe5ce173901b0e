import { create, type JsonObject, toJson } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { InferEventSchema, InferRequestSchema } from '#gen/switchyard/v1/infer_pb.ts'
import { contextFor } from '../../test/suites/asking.ts'
import { infer } from './infer.ts'

/** What a model says to these arguments, and what it throws then. */
async function heard(
  model: string,
  args: JsonObject,
  streaming: boolean,
): Promise<{ told: unknown[]; error: unknown }> {
  const told: unknown[] = []
  try {
    const request = create(InferRequestSchema, { model, operation: 'rank', args })
    for await (const batch of infer(request, contextFor({ streaming })))
      for (const event of batch) told.push(toJson(InferEventSchema, create(InferEventSchema, event)))
  } catch (error) {
    return { told, error }
  }
  return { told, error: undefined }
}

const args = { query: 'one two', documents: ['a'] }
const asked = { simulated: true, model: 'echo', operation: 'rank' }
const spent = { usage: { inputTokens: 3, outputTokens: 3 } }

test('a whole answer says what was asked, and what that counts', async () => {
  expect(await heard('echo', args, false)).toEqual({ told: [{ chunk: { ...asked, args } }, spent], error: undefined })
})

test('a stream says one argument after the other', async () => {
  const { told } = await heard('echo', args, true)
  expect(told).toEqual([
    { chunk: { ...asked, args: { query: 'one two' } } },
    { chunk: { ...asked, args: { documents: ['a'] } } },
    spent,
  ])
})

test.each([
  ['status-429', true, 0, 'rate_limited'],
  ['cut-after-1', true, 1, 'provider_interrupted'],
  ['error-after-1', true, 1, 'provider_error'],
  ['cut-after-1', false, 0, 'provider_interrupted'],
  ['nothing', false, 0, 'model_not_found'],
])('%s fails as it does in a chat (streaming: %j)', async (model, streaming, chunks, reason) => {
  const { told, error } = await heard(model, args, streaming)
  expect(told).toHaveLength(chunks)
  expect(error).toMatchObject({ reason })
})
