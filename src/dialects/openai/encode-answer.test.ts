import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fail } from '../../error/index.ts'
import { rawOnly, started, textDelta } from '../../model/events.ts'
import type { Served } from '../contract.ts'
import { sseReader } from '../sse.ts'
import { AnswerEncoder } from './encode-answer.ts'

const served: Served = { requestId: 'r1', provider: 'up', model: 'm', alias: 'fast', elapsed: () => 1 }
const encoder = (): AnswerEncoder => new AnswerEncoder({ includeUsage: false, asked: false })

/** What a client's own parser makes of the text. */
function read(text: string): string[] {
  const reader = sseReader()
  return [...reader.read(Buffer.from(text)), ...reader.end()].map(({ data }) => data)
}

describe("an upstream's own chunks", () => {
  test.each(['{"a":1}', '{\n  "a": 1\n}', '{"a":"x\\ny"}', '{"a":"\u2028"}'])('arrive as they were: %j', (chunk) => {
    const one = encoder()
    const text = one.events([started({ rawDialect: 'openai' }, chunk), rawOnly(chunk)], served)
    expect(read(text)).toEqual([chunk, chunk])
  })
})

test('a translated text arrives as it was, whatever is in it', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
      const one = encoder()
      const frames = read(one.events([started({}), ...texts.map((text) => textDelta(text))], served))
      const heard = frames.map(
        (frame) => (JSON.parse(frame) as { choices: { delta: { content: string } }[] }).choices[0]?.delta.content,
      )
      expect(heard).toEqual(texts)
    }),
  )
})

test('an error is one frame, whatever its words', () => {
  const text = encoder().fail(fail('provider_error', 'one\n\ndata: [DONE]\n\n'))
  expect(read(text).map((frame) => JSON.parse(frame) as object)).toEqual([
    { error: expect.objectContaining({ message: 'one\n\ndata: [DONE]\n\n', code: 'provider_error' }) as object },
  ])
})
