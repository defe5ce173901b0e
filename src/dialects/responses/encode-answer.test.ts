import { describe, expect, test } from 'vitest'
import { type ChatEvent, FinishReason, type Signature } from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import { Fold } from '../../model/collect.ts'
import * as events from '../../model/events.ts'
import type { Served } from '../contract.ts'
import { parseBody } from '../json.ts'
import { sseReader } from '../sse.ts'
import { responsesClient } from './client.ts'
import { decodeRequest } from './decode-request.ts'
import { AnswerEncoder } from './encode-answer.ts'

const served: Served = { requestId: 'req-1', provider: 'acme', model: 'one', alias: 'acme/one', elapsed: () => 1 }
const begun = events.started({ id: 'up-1', model: 'one', created: 7n })
const stopped = events.finished({ reason: FinishReason.STOP, upstreamReason: 'stop' })
const signed = (vendor: string, value: string): Signature => ({ $typeName: 'switchyard.v1.Signature', vendor, value })

interface Told {
  readonly type: string
  readonly [field: string]: unknown
}
interface Answer {
  readonly status: string
  readonly output: readonly (Told & { readonly encrypted_content?: string; readonly content?: readonly Told[] })[]
}

const encoder = (): AnswerEncoder => new AnswerEncoder({ model: 'one', input: 'Hello' })

function told(text: string): Told[] {
  return sseReader()
    .read(Buffer.from(text))
    .map(({ data }) => JSON.parse(data) as Told)
}

/** What a stream of these events tells, and the answer at its end. */
function streamed(...said: ChatEvent[]): { frames: Told[]; answer: Answer } {
  const answer = encoder()
  const frames = told(answer.events([begun, ...said], served) + answer.end())
  return { frames, answer: frames.at(-1)?.['response'] as Answer }
}

function whole(...said: ChatEvent[]): Answer {
  const fold = new Fold()
  fold.add([begun, ...said])
  return JSON.parse(encoder().whole(fold.response(), served)) as Answer
}

const seals = [
  events.reasoningDelta({ text: 'Hm.' }),
  events.reasoningDelta({ signature: signed('acme', 'sealed thought') }),
  events.signedText('Look', signed('acme', 'sealed text')),
  events.toolCallDelta({ index: 0, id: 'c1', name: 'look', argumentsJson: '{}' }),
  events.toolCallDelta({ index: 0, signature: signed('acme', 'sealed call') }),
  events.finished({ reason: FinishReason.TOOL_CALLS }),
]

describe.each([
  ['whole', whole],
  ['streamed', (...said: ChatEvent[]) => streamed(...said).answer],
] as const)('an answer, %s,', (_form, answerOf) => {
  test('carries what another vendor sealed back to where it was', () => {
    const { output } = answerOf(...seals)
    const body = JSON.stringify({ model: 'one', input: output })
    const kinds = decodeRequest(parseBody(body, true)).request.messages.flatMap(({ parts }) =>
      parts.map(({ kind }) => kind),
    )
    expect(kinds).toMatchObject([
      { case: 'reasoning', value: { text: 'Hm.', signature: { vendor: 'acme', value: 'sealed thought' } } },
      { case: 'text', value: { text: 'Look', signature: { vendor: 'acme', value: 'sealed text' } } },
      { case: 'toolCall', value: { id: 'c1', signature: { vendor: 'acme', value: 'sealed call' } } },
    ])
  })

  test('never shows a vendor of this format what another one sealed', () => {
    const { output } = answerOf(...seals)
    const input = [...output, { type: 'function_call_output', call_id: 'c1', output: 'seen' }]
    const { request } = decodeRequest(parseBody(JSON.stringify({ model: 'one', input }), true))
    const verbatim = responsesClient.encodeChat(request, false, responsesClient.defaults)
    delete request.source
    const translated = responsesClient.encodeChat(request, false, responsesClient.defaults)
    for (const { body, dropped } of [verbatim, translated]) {
      expect(body).not.toContain('encrypted_content')
      expect(body).not.toContain('sealed')
      expect(dropped.length).toBeGreaterThan(2)
    }
    const types = (JSON.parse(verbatim.body) as { input: Told[] }).input.map(({ type }) => type)
    expect(types).toEqual(['message', 'function_call', 'function_call_output'])
  })

  test('shows what its own vendor sealed as it is', () => {
    const { output } = answerOf(events.reasoningDelta({ signature: signed('openai', 'gAAAA') }), stopped)
    expect(output).toMatchObject([{ type: 'reasoning', summary: [], encrypted_content: 'gAAAA' }])
  })

  test('without words for a refusal was filtered, with them it is complete', () => {
    const refused = events.finished({ reason: FinishReason.REFUSAL })
    expect(answerOf(refused)).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'content_filter' } })
    const { status, output } = answerOf(events.refusalDelta('No.'), refused)
    expect(status).toBe('completed')
    expect(output[0]?.content).toEqual([{ type: 'refusal', refusal: 'No.' }])
  })

  test('gives a call without arguments an empty object of them, unless it was cut', () => {
    const call = events.toolCallDelta({ index: 0, id: 'c1', name: 'look' })
    expect(answerOf(call, stopped).output).toMatchObject([{ call_id: 'c1', arguments: '{}', status: 'completed' }])
    const cut = events.finished({ reason: FinishReason.LENGTH })
    expect(answerOf(call, cut).output).toMatchObject([{ arguments: '', status: 'incomplete' }])
  })

  test('shows items of its own vendor, and no other', () => {
    const item = { type: 'web_search_call', id: 'ws_1', status: 'completed' }
    const piece = (vendor: string) =>
      events.providerPart({
        $typeName: 'switchyard.v1.ProviderPart',
        vendor,
        type: item.type,
        json: JSON.stringify(item),
      })
    expect(answerOf(piece('openai'), piece('acme'), stopped).output).toEqual([item])
  })

  test('has a note on the text it is about, however late it comes', () => {
    const note = { type: 'url_citation', url: 'https://a.example', title: 'A', startIndex: 0, endIndex: 2 }
    const late = events.annotation({ $typeName: 'switchyard.v1.Annotation', ...note })
    const call = events.toolCallDelta({ index: 0, id: 'c1', name: 'look' })
    const { output } = answerOf(events.textDelta('Hi'), call, late, stopped)
    expect(output[0]?.content?.[0]?.['annotations']).toEqual([
      { type: 'url_citation', url: 'https://a.example', title: 'A', start_index: 0, end_index: 2 },
    ])
    expect(output).toHaveLength(2)
  })

  test('has ids no longer than ids may be', () => {
    const long = events.started({ id: 'x'.repeat(200), model: 'one' })
    const { output } = answerOf(long, events.textDelta('Hi'), stopped)
    expect(String(output[0]?.['id']).length).toBeLessThanOrEqual(64)
  })
})

describe('a stream', () => {
  test('keeps pieces of several calls apart', () => {
    const piece = (index: number, argumentsJson: string) => events.toolCallDelta({ index, argumentsJson })
    const { answer } = streamed(
      events.toolCallDelta({ index: 0, id: 'c0', name: 'look' }),
      events.toolCallDelta({ index: 1, id: 'c1', name: 'hear' }),
      piece(0, '{"a"'),
      piece(1, '{"b"'),
      piece(0, ':1}'),
      piece(1, ':2}'),
      stopped,
    )
    expect(answer.output).toMatchObject([
      { call_id: 'c0', name: 'look', arguments: '{"a":1}' },
      { call_id: 'c1', name: 'hear', arguments: '{"b":2}' },
    ])
  })

  test('adds and ends every item once, at its own place', () => {
    const { frames, answer } = streamed(...seals)
    const at = (type: string) =>
      frames.flatMap((frame) => (frame.type === type ? [Number(frame['output_index'])] : [])).toSorted((a, b) => a - b)
    const places = answer.output.map((_item, index) => index)
    expect(at('response.output_item.added')).toEqual(places)
    expect(at('response.output_item.done')).toEqual(places)
  })

  test('that failed ends in an error and a failed response, never in a complete one', () => {
    const answer = encoder()
    const before = answer.events([begun, events.textDelta('Hi')], served)
    const frames = told(before + answer.fail(fail('provider_interrupted', 'it broke off')))
    expect(frames.slice(-2)).toMatchObject([
      { type: 'error', message: 'it broke off', error: { message: 'it broke off' } },
      { type: 'response.failed', response: { status: 'failed', error: { message: 'it broke off' } } },
    ])
    expect(frames.map(({ sequence_number: number }) => number)).toEqual(frames.map((_frame, index) => index))
  })
})
