import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ChatEvent, FinishReason, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import { Fold } from '../../model/collect.ts'
import {
  annotation,
  finished,
  providerPart,
  reasoningDelta,
  started,
  textDelta,
  toolCallDelta,
  signedText,
  usageEvent,
} from '../../model/events.ts'
import { emptyChatRequest } from '../../model/request.ts'
import { usage } from '../../model/usage.ts'
import type { Served } from '../contract.ts'
import { parseBody } from '../json.ts'
import { message } from '../parts.ts'
import { sseReader } from '../sse.ts'
import { anthropicClient } from './client.ts'
import { decodeRequest } from './decode-request.ts'
import { AnswerEncoder } from './encode-answer.ts'
import { signatureOf } from './signatures.ts'

const served: Served = { requestId: 'r1', provider: 'p', model: 'm', alias: 'asked', elapsed: () => 0 }
const facts = { header: () => undefined }

function decoder() {
  return anthropicClient.decodeChat({ dropped: [], passThrough: false }, anthropicClient.defaults, '')
}

function streamed(events: readonly ChatEvent[]): string {
  const encoder = new AnswerEncoder()
  return encoder.events(events, served) + encoder.end()
}

function framesOf(text: string): Record<string, unknown>[] {
  const sse = sseReader()
  return [...sse.read(new TextEncoder().encode(text)), ...sse.end()].map(({ event, data }) => {
    const value = JSON.parse(data) as Record<string, unknown>
    expect(value['type']).toBe(event)
    return value
  })
}

/** What a stream says when our own client half reads it. */
function readBack(text: string) {
  const read = decoder()
  const sse = sseReader()
  const events = [...sse.read(new TextEncoder().encode(text)), ...sse.end()].flatMap((one) => read.event(one))
  const { events: rest, failure } = read.end()
  expect(failure).toBeUndefined()
  const fold = new Fold()
  fold.add([...events, ...rest])
  return fold.response()
}

const own = (value: string) => signatureOf('anthropic', value)
const word = fc.string({ minLength: 1, maxLength: 12 })
const piece: fc.Arbitrary<(call: number) => ChatEvent[]> = fc.oneof(
  word.map((text) => () => [textDelta(text)]),
  fc.tuple(word, word).map(([text, value]) => () => [
    reasoningDelta({ text }),
    reasoningDelta({ signature: own(value) }),
  ]),
  word.map((value) => () => [reasoningDelta({ redacted: true, signature: own(value) })]),
  fc.tuple(word, fc.dictionary(word, fc.jsonValue({ maxDepth: 1 }))).map(([name, input]) => (index: number) => {
    const text = JSON.stringify(input)
    const half = Math.floor(text.length / 2)
    return [
      toolCallDelta({ index, id: `call_${index}`, name }),
      toolCallDelta({ index, argumentsJson: text.slice(0, half) }),
      toolCallDelta({ index, argumentsJson: text.slice(half) }),
    ]
  }),
)
const answer = fc.array(piece, { maxLength: 8 }).map((pieces) => {
  let calls = 0
  return pieces.flatMap((make) => {
    const events = make(calls)
    if (events[0]?.event.case === 'toolCallDelta') calls++
    return events
  })
})

describe('an answer', () => {
  test('that is written and read again says the same, as a stream and whole', () => {
    fc.assert(
      fc.property(answer, fc.nat(1000), fc.nat(1000), fc.nat(1000), (deltas, plain, cached, output) => {
        const counted = usage({ inputTokens: plain + cached, cacheReadTokens: cached, outputTokens: output })
        const end = [finished({ reason: FinishReason.STOP, upstreamReason: 'end_turn' }), usageEvent(counted)]
        const fold = new Fold()
        fold.add([started({ id: 'a', model: 'b' }), ...deltas, ...end])
        const expected = fold.response()
        const again = readBack(streamed([started({ id: 'a', model: 'b' }), ...deltas, ...end]))
        const whole = new Fold()
        whole.add(decoder().whole(new AnswerEncoder().whole(expected, served)))
        for (const response of [again, whole.response()]) {
          expect(response.choices[0]?.message?.parts).toEqual(expected.choices[0]?.message?.parts)
          expect(response.choices[0]?.finishReason).toBe(FinishReason.STOP)
          expect({ ...response.usage, raw: undefined }).toEqual({ ...counted, raw: undefined })
        }
      }),
      { numRuns: 150 },
    )
  })

  test('whose text is garbled is read without a throw, and never as a normal end', () => {
    const good = streamed([started({ id: 'a' }), textDelta('hello'), finished({ reason: FinishReason.STOP })])
    fc.assert(
      fc.property(fc.nat(good.length - 80), fc.string({ maxLength: 20 }), (at, noise) => {
        const read = decoder()
        const sse = sseReader()
        const cut = good.slice(0, at) + noise
        for (const one of [...sse.read(new TextEncoder().encode(cut)), ...sse.end()]) read.event(one)
        if (!cut.includes('"stop_reason":"end_turn"')) expect(read.end().failure).toBeDefined()
      }),
      { numRuns: 300 },
    )
  })

  test('has one block open at a time, also where the pieces of calls come interleaved', () => {
    const text = streamed([
      started({ id: 'a' }),
      toolCallDelta({ index: 0, id: 'c0', name: 'one' }),
      toolCallDelta({ index: 1, id: 'c1', name: 'two' }),
      toolCallDelta({ index: 0, argumentsJson: '{"a":' }),
      toolCallDelta({ index: 1, argumentsJson: '{"b":2}' }),
      toolCallDelta({ index: 0, argumentsJson: '1}' }),
      finished({ reason: FinishReason.TOOL_CALLS }),
    ])
    const types = framesOf(text).map(({ type, index }) =>
      index === undefined ? type : `${String(type)} ${Number(index)}`,
    )
    expect(types).toEqual([
      'message_start',
      'content_block_start 0',
      'content_block_delta 0',
      'content_block_delta 0',
      'content_block_stop 0',
      'content_block_start 1',
      'content_block_delta 1',
      'content_block_stop 1',
      'message_delta',
      'message_stop',
    ])
    const calls = readBack(text).choices[0]?.message?.parts.map(({ kind }) => kind.case === 'toolCall' && kind.value)
    expect(calls).toMatchObject([
      { id: 'c0', argumentsJson: '{"a":1}' },
      { id: 'c1', argumentsJson: '{"b":2}' },
    ])
  })

  test('that fails ends with an error event that names the request, and with no end of the message', () => {
    const encoder = new AnswerEncoder()
    const text =
      encoder.events([started({ id: 'a' }), textDelta('he')], served) +
      encoder.fail(fail('provider_unavailable', 'the provider is overloaded or down'))
    const last = framesOf(text).at(-1)
    expect(last).toEqual({
      type: 'error',
      error: { type: 'overloaded_error', message: 'the provider is overloaded or down' },
      request_id: 'r1',
    })
    expect(text).not.toContain('message_stop')
  })

  test('shows a citation of another vendor as one of a page, and leaves out another vendor’s own pieces', () => {
    const note = {
      $typeName: 'switchyard.v1.Annotation' as const,
      type: 'url_citation',
      url: 'https://example.com/',
      title: 'Example',
      startIndex: 0,
      endIndex: 2,
    }
    const strange = {
      $typeName: 'switchyard.v1.ProviderPart' as const,
      vendor: 'other',
      type: 'x',
      json: '{"type":"x"}',
    }
    const frames = framesOf(
      streamed([
        started({}),
        textDelta('hi'),
        annotation(note),
        providerPart(strange),
        finished({ reason: FinishReason.STOP }),
      ]),
    )
    expect(frames[3]).toMatchObject({
      delta: { type: 'citations_delta', citation: { type: 'web_search_result_location', url: 'https://example.com/' } },
    })
    expect(frames.filter(({ type }) => type === 'content_block_start')).toHaveLength(1)
  })
})

describe('another vendor’s signatures', () => {
  const foreign = (value: string) => signatureOf('other', value)
  const events = [
    started({ id: 'a' }),
    reasoningDelta({ text: 'hm', signature: foreign('s1') }),
    signedText('hi', foreign('s2')),
    toolCallDelta({ index: 0, id: 'c0', name: 'one', argumentsJson: '{}', signature: foreign('s3') }),
    finished({ reason: FinishReason.TOOL_CALLS }),
  ]
  const fold = new Fold()
  fold.add(events)
  const given = fold.response().choices[0]?.message?.parts

  test.for(['streamed', 'whole'])('come back to where they were when the client sends the answer again (%s)', (how) => {
    const read = readBack(streamed(events))
    const content =
      how === 'whole'
        ? (JSON.parse(new AnswerEncoder().whole(fold.response(), served)) as { content: unknown }).content
        : (JSON.parse(new AnswerEncoder().whole(read, served)) as { content: unknown }).content
    const body = { model: 'm', max_tokens: 1, messages: [{ role: 'assistant', content }] }
    const { request } = decodeRequest(parseBody(JSON.stringify(body), true), facts)
    expect(request.messages[0]?.parts).toEqual(given)
  })

  test('are never sent to an upstream of this format', () => {
    const request = emptyChatRequest('claude-haiku-4-5')
    request.messages = [message(Role.ASSISTANT, structuredClone(given ?? []))]
    const { body, dropped } = anthropicClient.encodeChat(request, false, anthropicClient.defaults)
    expect(body).not.toMatch(/s1|s2|s3/)
    expect(dropped).toEqual(['messages[0].parts[0]'])
  })
})

test('usage that a stream revises counts as its last word', () => {
  const read = decoder()
  const data = (value: object) => ({ data: JSON.stringify(value) })
  read.event(
    data({
      type: 'message_start',
      message: {
        usage: {
          input_tokens: 4,
          cache_creation_input_tokens: 100,
          cache_creation: { ephemeral_1h_input_tokens: 60, ephemeral_5m_input_tokens: 40 },
          output_tokens: 1,
        },
      },
    }),
  )
  read.event(
    data({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn' },
      usage: { input_tokens: 50, cache_read_input_tokens: 7, output_tokens: 9 },
    }),
  )
  const { events } = read.end()
  expect(events.find(({ event }) => event.case === 'usage')?.event.value).toMatchObject({
    inputTokens: 157,
    cacheReadTokens: 7,
    cacheWrite1hTokens: 60,
    cacheWrite5mTokens: 40,
    outputTokens: 9,
  })
})
