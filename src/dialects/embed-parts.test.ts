import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { type EmbedResponse, EmbedResponseSchema } from '#gen/switchyard/v1/embedding_pb.ts'
import { joinEmbeddings } from './embed-parts.ts'

/** The answer to a part, with vectors at these places; each tells its input. */
function part(...vectors: (readonly [index: number, value: number])[]): EmbedResponse {
  return create(EmbedResponseSchema, { embeddings: vectors.map(([index, value]) => ({ index, values: [value] })) })
}

test('parts are joined in the order of their inputs, whatever the order of each, and not where that is unclear', () => {
  const { embeddings } = joinEmbeddings([part([1, 2], [0, 1]), part([0, 3], [1, 4]), part([0, 5])])
  expect(embeddings.map(({ index, values: [value] }) => [index, value])).toEqual([1, 2, 3, 4, 5].map((n) => [n - 1, n]))
  expect(() => joinEmbeddings([part([1, 2], [1, 1]), part([0, 3])])).toThrow('which vector')
})
