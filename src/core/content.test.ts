import { create, toJson } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { ChatRequestSchema, ChatResponseSchema, type MessageSchema, Role } from '#gen/switchyard/v1/chat_pb.ts'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { contentOf } from './content.ts'

const text = (value: string) => ({ kind: { case: 'text' as const, value: { text: value } } })
const asked = (...parts: NonNullable<MessageInitShape<typeof MessageSchema>['parts']>) =>
  create(ChatRequestSchema, { model: 'm', messages: [{ role: Role.USER, parts }] })
const nothing = create(ChatResponseSchema, {})

test('is the question and the answer in the words of the contract', () => {
  const request = asked(text('hello'))
  const response = create(ChatResponseSchema, {
    id: 'a',
    choices: [{ message: { role: Role.ASSISTANT, parts: [text('hi')] } }],
  })
  const content = contentOf(request, response)
  expect(JSON.parse(content.request)).toEqual(toJson(ChatRequestSchema, request))
  expect(JSON.parse(content.response)).toEqual(toJson(ChatResponseSchema, response))
})

test("leaves out the client's own body and the upstream's own answer, which say the same again", () => {
  const request = create(ChatRequestSchema, { model: 'm', source: { dialect: 'd', body: '{"secret":1}' } })
  const { request: question, response } = contentOf(
    request,
    create(ChatResponseSchema, { raw: '{"r":1}', rawDialect: 'd' }),
  )
  expect([JSON.parse(question), JSON.parse(response)]).toEqual([{ model: 'm' }, {}])
})

test('marks where media were, also in the results of functions, and keeps what is small', () => {
  const image = (data: Uint8Array) => ({
    kind: { case: 'image' as const, value: { source: { case: 'data' as const, value: data } } },
  })
  const link = (url: string) => ({
    kind: { case: 'file' as const, value: { source: { case: 'url' as const, value: url } } },
  })
  const result = { kind: { case: 'toolResult' as const, value: { parts: [image(new Uint8Array(5000))] } } }
  const { request } = contentOf(
    asked(
      image(new Uint8Array(2000)),
      image(new Uint8Array(3)),
      link(`data:text/plain,${'x'.repeat(3000)}`),
      link('https://a.example/b'),
      result,
    ),
    nothing,
  )
  expect(JSON.parse(request)).toMatchObject({
    messages: [
      {
        parts: [
          { image: { url: 'cut: 2000 bytes' } },
          { image: { data: 'AAAA' } },
          { file: { url: 'cut: 3016 characters' } },
          { file: { url: 'https://a.example/b' } },
          { toolResult: { parts: [{ image: { url: 'cut: 5000 bytes' } }] } },
        ],
      },
    ],
  })
})

test('that is too long is cut, and says so', () => {
  const { request, response } = contentOf(asked(text('x'.repeat(200_000))), nothing)
  const { cut, characters, text: beginning } = JSON.parse(request) as { cut: boolean; characters: number; text: string }
  expect([cut, beginning.length]).toEqual([true, 65_536])
  expect(characters).toBeGreaterThan(200_000)
  expect(beginning).toContain('"model":"m"')
  expect(JSON.parse(response)).toEqual({})
})
