import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { EmbedRequestSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import { contextFor } from '../../test/suites/asking.ts'
import { embed } from './embed.ts'

const request = (model: string, texts: readonly string[], dimensions?: number) =>
  create(EmbedRequestSchema, {
    model,
    inputs: texts.map((value) => ({ kind: { case: 'text' as const, value } })),
    ...(dimensions !== undefined && { dimensions }),
  })
const vectorsOf = async (texts: readonly string[], dimensions?: number): Promise<number[][]> => {
  const { embeddings = [] } = await embed(request('echo', texts, dimensions), contextFor())
  return embeddings.map(({ values }) => [...(values ?? [])])
}

test('vectors have length one and the dimensions that were asked for, and differ where inputs do', async () => {
  const [one = [], two = [], again = []] = await vectorsOf(['one', 'two', 'one'], 16)
  expect([one.length, two.length]).toEqual([16, 16])
  for (const vector of [one, two]) expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
  expect(again).toEqual(one)
  expect(two).not.toEqual(one)
  // Whatever else is asked for.
  expect((await vectorsOf(['one'], 16))[0]).toEqual(one)
  expect((await vectorsOf(['one']))[0]?.length).toBe(256)
})

test('tokens are counted as those of a prompt, and ids one by one', async () => {
  const asked = request('echo', ['one two'])
  asked.inputs.push(
    ...create(EmbedRequestSchema, { inputs: [{ kind: { case: 'tokens', value: { ids: [7, 8, 9] } } }] }).inputs,
  )
  expect((await embed(asked, contextFor())).usage).toMatchObject({ inputTokens: 5, outputTokens: 0 })
})

test.each([
  ['status-429', 8, 'rate_limited'],
  ['echo', 4097, 'invalid_request'],
  ['unheard-of', 8, 'model_not_found'],
])('a request to %s for %i dimensions ends with %s', async (model, dimensions, reason) => {
  await expect(embed(request(model, ['a'], dimensions), contextFor())).rejects.toMatchObject({ reason })
})
