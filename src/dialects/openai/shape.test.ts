import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { ChatRequestSchema } from '#gen/switchyard/v1/chat_pb.ts'
import { GenerateRequestSchema } from '#gen/switchyard/v1/text_pb.ts'
import { openaiClient } from './client.ts'
import { encodeRequest } from './encode-request.ts'
import { generate } from './generate-client.ts'

/* What Ollama passes over in silence, by its own page: https://docs.ollama.com/api/openai-compatibility */
const ignores = ['best_of', 'echo', 'logit_bias', 'user']
const options = { ...openaiClient.defaults, refuses: ['n', ...ignores], ignores }
const own = (body: object) => ({ source: { dialect: 'openai', body: JSON.stringify({ model: 'm', ...body }) } })
const refused = expect.objectContaining({
  reason: 'unsupported_field',
  details: expect.objectContaining({ param: 'n' }) as unknown,
}) as Error

test("several answers of a vendor of one are refused, in a client's own words as well", () => {
  const chat = (n: number) => encodeRequest(create(ChatRequestSchema, { model: 'm', n, ...own({ n }) }), false, options)
  const text = (n: number) =>
    generate.encode(create(GenerateRequestSchema, { model: 'm', n, ...own({ n, prompt: 'x' }) }), false, options)
  expect(() => chat(2)).toThrow(refused)
  expect(() => text(2)).toThrow(refused)
  expect([chat(1).body, text(1).body]).toEqual(['{"model":"m","n":1}', '{"model":"m","n":1,"prompt":"x"}'])
})

test("what a vendor passes over in silence is left out of a client's own words too, and named", () => {
  const fields = { prompt: 'x', echo: true, best_of: 1, user: 'u', x_unknown: 1 }
  const text = generate.encode(create(GenerateRequestSchema, { model: 'm', ...own(fields) }), false, options)
  expect([text.body, text.dropped]).toEqual(['{"model":"m","prompt":"x","x_unknown":1}', ['echo', 'user']])
  const asked = own({ messages: [], logit_bias: { 1: 2 }, user: null })
  const chat = encodeRequest(create(ChatRequestSchema, { model: 'm', ...asked }), false, options)
  expect([chat.body, chat.dropped]).toEqual(['{"model":"m","messages":[]}', ['logit_bias']])
})

test('what asks for no more than the usual is not missed, and what asks for more is named', () => {
  const asking = (fields: object) =>
    generate.encode(
      create(GenerateRequestSchema, { model: 'm', prompts: [{ kind: { case: 'text', value: 'x' } }], ...fields }),
      false,
      options,
    )
  const plain = asking({ n: 1, bestOf: 1, echo: false })
  expect([plain.body, plain.dropped]).toEqual(['{"model":"m","prompt":"x"}', []])
  expect(asking({ bestOf: 3, echo: true, user: 'u' }).dropped).toEqual(['best_of', 'echo', 'user'])
  expect(() => asking({ n: 2 })).toThrow(refused)
})
