import { describe, expect, test } from 'vitest'
import { type ChatEvent, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import { Fold } from '../../model/collect.ts'
import * as events from '../../model/events.ts'
import { usage } from '../../model/usage.ts'
import type { Served } from '../contract.ts'
import { PlatformAnswer } from './encode-answer.ts'
import { chatEvent } from './types.ts'

const served: Served = { requestId: 'req-1', provider: 'acme', model: 'one', alias: 'my-model', elapsed: () => 12 }
const started = events.started({ id: 'up-1', model: 'one-2026' })
const counted = events.usageEvent(usage({ inputTokens: 15, outputTokens: 12, cacheReadTokens: 4 }))
const stopped = events.finished({ reason: FinishReason.STOP, upstreamReason: 'end_turn' })

function whole(...batch: ChatEvent[]): unknown {
  const fold = new Fold()
  fold.add(batch)
  return JSON.parse(new PlatformAnswer().whole(fold.response(), served))
}

function lines(text: string): unknown[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      expect(block).toMatch(/^data: \{[^\r\n]*\}$/)
      return chatEvent.parse(JSON.parse(block.slice(6)))
    })
}

function stream(...batch: ChatEvent[]): unknown[] {
  const answer = new PlatformAnswer()
  return lines(answer.events(batch, served) + answer.end())
}

const lookUp = [
  events.toolCallDelta({ index: 0, id: 'c1', name: 'look', argumentsJson: '{"at":' }),
  events.toolCallDelta({ index: 0, argumentsJson: '"Bern"}' }),
]
const called = events.finished({ reason: FinishReason.TOOL_CALLS })

describe('a whole answer', () => {
  test('is what the page shows, under the model that was asked for', () => {
    expect(
      whole(started, events.textDelta('The capital of '), events.textDelta('France is Paris.'), stopped, counted),
    ).toEqual({
      success: true,
      data: {
        content: 'The capital of France is Paris.',
        model: 'my-model',
        usage: { inputTokens: 15, outputTokens: 12 },
        stopReason: 'stop',
        requestId: 'req-1',
      },
    })
  })

  test('has tool calls, reasoning and images where there are any', () => {
    const image = {
      $typeName: 'switchyard.v1.Image' as const,
      source: { case: 'data' as const, value: new Uint8Array([1, 2, 3]) },
      mediaType: 'image/png',
      detail: '',
    }
    const reasoning = events.reasoningDelta({ text: 'Hm.' })
    expect(whole(started, reasoning, ...lookUp, events.image(image), called, counted)).toMatchObject({
      data: {
        content: '',
        toolCalls: [{ id: 'c1', name: 'look', arguments: '{"at":"Bern"}' }],
        reasoning: 'Hm.',
        images: [{ data: 'AQID', mediaType: 'image/png' }],
        stopReason: 'tool_calls',
      },
    })
  })

  test('tells a refusal and spoken words as text', () => {
    const words = [events.refusalDelta('I will not.'), events.audioDelta({ id: 'a', transcript: ' Really.' })]
    const refused = events.finished({ reason: FinishReason.REFUSAL })
    expect(whole(started, ...words, refused)).toMatchObject({
      data: { content: 'I will not. Really.', stopReason: 'refusal' },
    })
  })

  test('tells the first of several choices', () => {
    const both = [events.textDelta('one', 0), events.textDelta('two', 1)]
    expect(whole(started, ...both, stopped)).toMatchObject({ data: { content: 'one' } })
  })
})

describe('a stream', () => {
  test('is one data line per event, from message_start to message_stop', () => {
    expect(stream(started, events.textDelta('Hello'), stopped, counted)).toEqual([
      { type: 'message_start', id: 'req-1', model: 'my-model' },
      { type: 'content_block_delta', delta: { text: 'Hello' } },
      { type: 'message_stop', stopReason: 'stop', usage: { inputTokens: 15, outputTokens: 12 } },
    ])
  })

  test('names a tool once and then brings the arguments', () => {
    expect(stream(started, ...lookUp, called, counted).slice(1)).toEqual([
      {
        type: 'content_block_delta',
        delta: { toolCall: { index: 0, id: 'c1', name: 'look', arguments: '{"at":' } },
      },
      { type: 'content_block_delta', delta: { toolCall: { index: 0, arguments: '"Bern"}' } } },
      { type: 'message_stop', stopReason: 'tool_calls', usage: { inputTokens: 15, outputTokens: 12 } },
    ])
  })

  test('spells what the whole answer says', () => {
    const words = [
      events.reasoningDelta({ text: 'Hm.' }),
      events.reasoningDelta({ signature: { $typeName: 'switchyard.v1.Signature', vendor: 'acme', value: 'c2ln' } }),
      events.textDelta('Well, '),
      events.textDelta('not me', 1),
      events.refusalDelta('no.'),
      events.audioDelta({ data: new Uint8Array([1]), transcript: ' No.' }),
    ]
    expect(stream(started, ...words, stopped)).toMatchObject([
      { type: 'message_start' },
      { delta: { reasoning: 'Hm.' } },
      { delta: { text: 'Well, ' } },
      { delta: { text: 'no.' } },
      { delta: { text: ' No.' } },
      { type: 'message_stop' },
    ])
    expect(whole(started, ...words, stopped)).toMatchObject({ data: { content: 'Well, no. No.', reasoning: 'Hm.' } })
  })

  test('keeps line breaks inside its data line', () => {
    expect(stream(started, events.textDelta('a\n\nb\r\nc\u2028d'))[1]).toMatchObject({
      delta: { text: 'a\n\nb\r\nc\u2028d' },
    })
  })

  test('that fails ends with the error and without message_stop', () => {
    const answer = new PlatformAnswer()
    const begun = answer.events([started, events.textDelta('Hel')], served)
    const failed = lines(begun + answer.fail(fail('provider_interrupted', 'the stream ended early')))
    expect(failed.at(-1)).toEqual({
      type: 'error',
      error: { code: 'PROVIDER_ERROR', message: 'the stream ended early' },
    })
    expect(failed).not.toContainEqual(expect.objectContaining({ type: 'message_stop' }))
  })
})

test.each([
  [FinishReason.STOP, 'stop'],
  [FinishReason.LENGTH, 'length'],
  [FinishReason.TOOL_CALLS, 'tool_calls'],
  [FinishReason.CONTENT_FILTER, 'content_filter'],
  [FinishReason.REFUSAL, 'refusal'],
  [FinishReason.OTHER, 'other'],
])('spells the finish reason %i as %s', (reason, word) => {
  const end = events.finished({ reason })
  expect(whole(started, end)).toMatchObject({ data: { stopReason: word } })
  expect(stream(started, end).at(-1)).toMatchObject({ stopReason: word })
})
