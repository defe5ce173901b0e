import { describe, expect, test } from 'vitest'
import { FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import { Fold } from '../../model/collect.ts'
import * as events from '../../model/events.ts'
import { usage } from '../../model/usage.ts'
import type { ChatDecoder, Served } from '../contract.ts'
import { openaiClient } from '../openai/client.ts'
import { chatCompletion } from '../openai/types.ts'
import { chatAnswer } from './encode-chat.ts'
import { genericInferenceAnswer } from './types.ts'

const served: Served = { requestId: 'req-1', provider: 'acme', model: 'one', alias: 'acme/one', elapsed: () => 1 }
const spoken = [
  events.started({ id: 'up-1', model: 'one-2026', created: 1_700_000_000n }),
  events.textDelta('Hello'),
  events.finished({ reason: FinishReason.STOP }),
  events.usageEvent(usage({ inputTokens: 3, outputTokens: 2 })),
]

function upstreamAnswer(): ChatDecoder {
  const encoded = { body: '', dropped: [], passThrough: true }
  return openaiClient.decodeChat(encoded, openaiClient.defaults, '')
}

function responses(stream: string): unknown[] {
  return stream
    .split('\n\n')
    .filter((block) => block !== '' && block !== 'data: [DONE]')
    .map((block) => {
      expect(block).toMatch(/^data: [^\r\n]+$/)
      const chunk = genericInferenceAnswer.parse(JSON.parse(block.slice(6)))
      expect(chunk.object).toBe('generic_inference.chunk')
      return chunk.response
    })
}

describe('an upstream of the arguments’ own format', () => {
  test('is quoted to the letter in a whole answer', () => {
    const body = '{"id":"x", "choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}], "cost":1.50}'
    const fold = new Fold()
    fold.add(upstreamAnswer().whole(body))
    const text = chatAnswer(true).whole(fold.response(), served)
    expect(text).toBe(`{"object":"generic_inference","response":${body}}`)
  })

  test('is quoted chunk by chunk in a stream', () => {
    const chunks = [
      '{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}],"p":"abc"}',
      '{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
      '{"id":"x","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}',
    ]
    const decoder = upstreamAnswer()
    const answer = chatAnswer(true)
    const text = chunks.map((data) => answer.events(decoder.event({ data }), served)).join('')
    const rest = answer.events(decoder.end().events, served) + answer.end()
    const framed = chunks.map((data) => `data: {"object":"generic_inference.chunk","response":${data}}\n\n`)
    expect(text + rest).toBe(`${framed.join('')}data: [DONE]\n\n`)
  })

  test('may break lines between the tokens of a chunk', () => {
    const decoder = upstreamAnswer()
    const data = '{\n"id":"x",\n"choices":[{"index":0,"delta":{"content":"a\\nb"}}]\n}'
    expect(responses(chatAnswer(true).events(decoder.event({ data }), served))).toEqual([JSON.parse(data)])
  })
})

describe('an upstream of another format', () => {
  test('is told as a chat completion', () => {
    const fold = new Fold()
    fold.add(spoken)
    const { object, response } = JSON.parse(chatAnswer(true).whole(fold.response(), served)) as Record<string, unknown>
    expect(object).toBe('generic_inference')
    expect(chatCompletion.safeParse(response).error).toBeUndefined()
    expect(response).toMatchObject({ model: 'one-2026', choices: [{ message: { content: 'Hello' } }] })
  })

  test('is told as chunks of one in a stream, with the usage unless that is not wanted', () => {
    const answer = chatAnswer(true)
    const text = answer.events(spoken, served) + answer.end()
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
    expect(responses(text)).toMatchObject([
      { model: 'one-2026', choices: [{ delta: { content: 'Hello' } }] },
      { choices: [{ finish_reason: 'stop' }] },
      { choices: [], usage: { total_tokens: 5 } },
    ])
    expect(responses(chatAnswer(false).events(spoken, served))).toHaveLength(2)
  })
})

test('ends a stream that failed with the error’s shape, and is not done', () => {
  const answer = chatAnswer(true)
  answer.events(spoken.slice(0, 2), served)
  expect(answer.fail(fail('timeout', 'the timer "between_events" fired'))).toBe(
    'data: {"detail":"the timer \\"between_events\\" fired"}\n\n',
  )
})
