import { describe, expect, test } from 'vitest'
import { type ChatEvent, type ChatResponse, FinishReason, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { collect, Fold } from './collect.ts'
import * as events from './events.ts'
import { usage } from './usage.ts'

function fold(...batches: readonly (readonly ChatEvent[])[]): ChatResponse {
  const folded = new Fold()
  for (const batch of batches) folded.add(batch)
  return folded.response()
}

function parts(...batch: readonly ChatEvent[]): readonly unknown[] {
  return fold(batch).choices[0]?.message?.parts.map((part) => part.kind) ?? []
}

const note = (startIndex: number, endIndex: number) => ({
  $typeName: 'switchyard.v1.Annotation' as const,
  type: 'url_citation',
  url: 'https://example.com',
  title: '',
  startIndex,
  endIndex,
})

const signature = { $typeName: 'switchyard.v1.Signature' as const, vendor: 'acme', value: 'c2ln' }

const token = (text: string) => ({
  $typeName: 'switchyard.v1.TokenLogprob' as const,
  token: text,
  logprob: -1,
  utf8: new Uint8Array(),
  top: [],
})

const piece = (text: string) =>
  events.logprobs({ $typeName: 'switchyard.v1.Logprobs', content: [token(text)], refusal: [] })

describe('the fold', () => {
  test('joins text deltas that follow each other and keeps the order of everything else', () => {
    const kinds = parts(
      events.textDelta('Let me '),
      events.textDelta('look.'),
      events.toolCallDelta({ index: 0, id: 'a', name: 'look' }),
      events.textDelta('Found.'),
    )
    expect(kinds).toMatchObject([
      { case: 'text', value: { text: 'Let me look.' } },
      { case: 'toolCall', value: { name: 'look' } },
      { case: 'text', value: { text: 'Found.' } },
    ])
  })

  test('ends a block of reasoning at its signature', () => {
    const kinds = parts(
      events.reasoningDelta({ text: 'one ' }),
      events.reasoningDelta({ text: 'block' }),
      events.reasoningDelta({ signature }),
      events.reasoningDelta({ text: 'another' }),
      events.reasoningDelta({ redacted: true, signature }),
    )
    expect(kinds).toMatchObject([
      { value: { text: 'one block', signature: { value: 'c2ln' }, redacted: false } },
      { value: { text: 'another', redacted: false } },
      { value: { text: '', signature: { value: 'c2ln' }, redacted: true } },
    ])
  })

  test('puts interleaved tool calls together by index, in order of appearance', () => {
    const kinds = parts(
      events.toolCallDelta({ index: 1, id: 'b', name: 'second' }),
      events.toolCallDelta({ index: 0, id: 'a', name: 'first', argumentsJson: '{"x"' }),
      events.toolCallDelta({ index: 1, argumentsJson: '{}' }),
      events.toolCallDelta({ index: 0, argumentsJson: ':1}' }),
    )
    expect(kinds).toMatchObject([
      { value: { id: 'b', name: 'second', argumentsJson: '{}' } },
      { value: { id: 'a', name: 'first', argumentsJson: '{"x":1}' } },
    ])
  })

  test('keeps choices apart, and sorts them by index', () => {
    const { choices } = fold(
      [events.textDelta('b', 1), events.textDelta('a', 0)],
      [
        events.finished({ reason: FinishReason.STOP }, 0),
        events.finished({ reason: FinishReason.LENGTH, upstreamReason: 'max' }, 1),
      ],
    )
    expect(choices).toMatchObject([
      { index: 0, finishReason: FinishReason.STOP, message: { parts: [{ kind: { value: { text: 'a' } } }] } },
      { index: 1, finishReason: FinishReason.LENGTH, upstreamReason: 'max' },
    ])
  })

  test('puts annotations on the latest text, however late they come', () => {
    const kinds = parts(
      events.textDelta('cited'),
      events.toolCallDelta({ index: 0, name: 'look' }),
      events.annotation(note(0, 5)),
    )
    expect(kinds).toMatchObject([{ value: { text: 'cited', annotations: [{ endIndex: 5 }] } }, { case: 'toolCall' }])
  })

  test('ends a text at its signature', () => {
    const kinds = parts(events.textDelta('a'), events.signedText('b', signature), events.textDelta('c'))
    expect(kinds).toMatchObject([{ value: { text: 'ab', signature: { value: 'c2ln' } } }, { value: { text: 'c' } }])
    expect(parts(events.signedText('', signature))).toMatchObject([
      { value: { text: '', signature: { value: 'c2ln' } } },
    ])
  })

  test('joins sound and its transcript to one part, and keeps its id', () => {
    const kinds = parts(
      events.audioDelta({ id: 'audio-1', transcript: 'hel' }),
      events.textDelta('caption'),
      events.audioDelta({ data: Uint8Array.of(1, 2), transcript: 'lo' }),
      events.audioDelta({ data: Uint8Array.of(3) }),
    )
    expect(kinds).toMatchObject([
      { value: { id: 'audio-1', transcript: 'hello', source: { case: 'data', value: Uint8Array.of(1, 2, 3) } } },
      { value: { text: 'caption' } },
    ])
    expect(parts(events.audioDelta({ id: 'audio-1' }))).toMatchObject([
      { value: { id: 'audio-1', source: { case: undefined } } },
    ])
  })

  test('adds up log probabilities', () => {
    const first = piece('a')
    const { choices } = fold([first], [piece('b')])
    expect(choices[0]?.logprobs?.content.map(({ token: text }) => text)).toEqual(['a', 'b'])
    expect(first).toEqual(piece('a'))
  })

  test('takes over what is said of the whole answer', () => {
    const answer = fold([
      events.started({ id: 'r1', model: 'm', dropped: ['top_k'], rawDialect: 'acme', systemFingerprint: 'f' }, '{}'),
      events.finished({ reason: FinishReason.STOP, stopSequence: 'END' }),
      { ...events.usageEvent(usage({ inputTokens: 3, outputTokens: 5 })), rawResponse: '{"whole":true}' },
    ])
    expect(answer).toMatchObject({
      id: 'r1',
      model: 'm',
      dropped: ['top_k'],
      rawDialect: 'acme',
      systemFingerprint: 'f',
      raw: '{"whole":true}',
      usage: { inputTokens: 3, outputTokens: 5 },
      choices: [{ finishReason: FinishReason.STOP, stopSequence: 'END', message: { role: Role.ASSISTANT } }],
    })
  })

  test('makes no part of empty deltas, nor of chunks that say nothing', () => {
    expect(parts(events.textDelta(''), events.reasoningDelta({}), events.refusalDelta(''))).toEqual([])
    expect(fold([events.rawOnly('{}')]).choices).toEqual([])
  })
})

async function* broken() {
  yield [events.textDelta('one ')]
  yield [events.textDelta('two')]
  throw new Error('cut')
}

async function* sound() {
  yield [events.textDelta('one '), events.textDelta('two')]
}

test('collect folds a stream, and throws what the stream throws', async () => {
  await expect(collect(broken())).rejects.toThrow('cut')
  expect((await collect(sound())).choices[0]?.message?.parts[0]?.kind).toMatchObject({ value: { text: 'one two' } })
})
