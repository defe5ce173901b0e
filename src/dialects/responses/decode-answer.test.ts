import { describe, expect, test } from 'vitest'
import { type ChatEvent, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import { Fold } from '../../model/collect.ts'
import type { ChatDecoder } from '../contract.ts'
import { responsesClient } from './client.ts'

const response = { id: 'resp_1', object: 'response', created_at: 7, model: 'one', status: 'in_progress', output: [] }
const created = { type: 'response.created', response }
const message = { id: 'msg_1', type: 'message', role: 'assistant', status: 'in_progress', content: [] }
const added = { type: 'response.output_item.added', output_index: 0, item: message }
const delta = { type: 'response.output_text.delta', output_index: 0, content_index: 0, item_id: 'msg_1', delta: 'Hi' }
const completed = { type: 'response.completed', response: { ...response, status: 'completed' } }

function decoding(passThrough = false): ChatDecoder {
  return responsesClient.decodeChat({ dropped: [], passThrough }, responsesClient.defaults, 'up-1')
}

function read(decoder: ChatDecoder, ...values: object[]): ChatEvent[] {
  return values.flatMap((value) => decoder.event({ data: JSON.stringify(value) }))
}

function answerOf(events: readonly ChatEvent[]) {
  const fold = new Fold()
  fold.add(events)
  const { choices, usage } = fold.response()
  return { kinds: (choices[0]?.message?.parts ?? []).map(({ kind }) => kind), finish: choices[0]?.finishReason, usage }
}

describe('a stream', () => {
  test('is over with its completion, not before', () => {
    const decoder = decoding()
    read(decoder, created, added, delta)
    expect(decoder.complete).toBe(false)
    read(decoder, completed)
    expect(decoder.complete).toBe(true)
    expect(decoder.end().failure).toBeUndefined()
  })

  test.each([
    ['before anything', []],
    ['after its start', [created]],
    ['in the middle', [created, added, delta]],
    ['after an item', [created, added, delta, { ...added, type: 'response.output_item.done' }]],
  ])('that is cut %s is never a normal stop', (_where, values) => {
    const decoder = decoding()
    read(decoder, ...values)
    const { events, failure } = decoder.end()
    expect(failure?.reason).toBe('provider_interrupted')
    expect(events).toEqual([])
  })

  test('that ends as chat completions do, without a completion, is cut', () => {
    const decoder = decoding()
    read(decoder, created, added, delta)
    decoder.event({ data: '[DONE]' })
    expect(decoder.end().failure?.reason).toBe('provider_interrupted')
  })

  test('tells a text once where its parts are counted through all items', () => {
    const decoder = decoding()
    const text = { type: 'output_text', text: 'Hi', annotations: [{ type: 'url_citation', url: 'https://e.com/' }] }
    const done = { type: 'response.output_item.done', output_index: 0, item: { ...message, content: [text] } }
    const events = read(decoder, created, added, { ...delta, content_index: 1 }, done, completed)
    const [{ value } = {}] = answerOf([...events, ...decoder.end().events]).kinds
    expect(value).toMatchObject({ text: 'Hi', annotations: [{ url: 'https://e.com/' }] })
  })

  test('passes over events it does not know', () => {
    const decoder = decoding()
    const events = read(decoder, created, { type: 'keepalive' }, { type: 'response.new.thing', output_index: 3 }, added)
    events.push(...read(decoder, delta, completed), ...decoder.end().events)
    expect(answerOf(events).kinds).toMatchObject([{ case: 'text', value: { text: 'Hi' } }])
  })

  test('begins with the first part of an answer, so that an error before it fails the whole call', () => {
    const decoder = decoding()
    const error = { type: 'error', error: { type: 'insufficient_quota', code: 'insufficient_quota', message: 'spent' } }
    const failed = { type: 'response.failed', response: { ...response, status: 'failed', error: error.error } }
    expect(read(decoder, created, { ...created, type: 'response.in_progress' }, error, failed)).toEqual([])
    const { failure } = decoder.end()
    expect(decoder.complete).toBe(true)
    expect(failure).toMatchObject({ reason: 'rate_limited', details: { retryable: false } })
  })

  test.each([
    ['nested', { type: 'error', error: { type: 'server_error', code: 'server_error', message: 'broken' } }],
    ['flat', { type: 'error', code: 'server_error', message: 'broken', param: null, sequence_number: 4 }],
    ['without a type', { error: { code: 502, message: 'broken' } }],
  ])('tells an error in the middle, %s', (_form, error) => {
    const decoder = decoding()
    expect(read(decoder, created, added, delta)).toHaveLength(2)
    expect(read(decoder, error)).toEqual([])
    expect(decoder.end().failure?.reason).toBe('provider_error')
  })

  test('counts what a failed answer used', () => {
    const decoder = decoding()
    const usage = { input_tokens: 5, output_tokens: 2 }
    read(decoder, added, delta, { type: 'response.failed', response: { ...response, error: null, usage } })
    const { events, failure } = decoder.end()
    expect(failure?.reason).toBe('provider_error')
    expect(events.map(({ event }) => event)).toMatchObject([{ case: 'usage', value: { inputTokens: 5 } }])
  })

  test('with a text that is no JSON fails instead of throwing', () => {
    const decoder = decoding()
    expect(decoder.event({ data: '{"type":"resp' })).toEqual([])
    expect(decoder.end().failure?.reason).toBe('provider_interrupted')
  })

  test.each([
    { item: null, type: 'response.output_item.added' },
    { item: { type: 'message', content: null }, type: 'response.output_item.done' },
    { item: { type: 'reasoning', summary: [null] }, type: 'response.output_item.done' },
    { type: 'response.output_text.delta', delta: 7, logprobs: 'none' },
    { type: 'response.completed' },
    { type: 'response.completed', response: { output: 7, usage: { input_tokens: 'many' } } },
    { type: 7 },
    {},
  ])('survives %j', (odd) => {
    const decoder = decoding()
    expect(() => read(decoder, created, odd, added, delta)).not.toThrow()
    expect(() => decoder.end()).not.toThrow()
  })

  test('tells items that only its end lists', () => {
    const decoder = decoding()
    const call = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'look', arguments: '{"a":1}' }
    const events = read(decoder, created, { ...completed, response: { ...completed.response, output: [call] } })
    const { kinds, finish } = answerOf([...events, ...decoder.end().events])
    expect(kinds).toMatchObject([{ case: 'toolCall', value: { id: 'call_1', name: 'look', argumentsJson: '{"a":1}' } }])
    expect(finish).toBe(FinishReason.TOOL_CALLS)
  })

  test('tells nothing twice that pieces, item and end all tell', () => {
    const decoder = decoding()
    const whole = { ...message, status: 'completed', content: [{ type: 'output_text', text: 'Hi you' }] }
    const events = read(
      decoder,
      created,
      added,
      delta,
      { type: 'response.output_text.done', output_index: 0, content_index: 0, item_id: 'msg_1', text: 'Hi you' },
      { type: 'response.output_item.done', output_index: 0, item: whole },
      { ...completed, response: { ...completed.response, output: [whole] } },
    )
    expect(answerOf(events).kinds).toMatchObject([{ case: 'text', value: { text: 'Hi you' } }])
    expect(answerOf(events).kinds).toHaveLength(1)
  })

  test('keeps two calls apart whose pieces alternate', () => {
    const decoder = decoding()
    const call = (at: number) => ({
      type: 'response.output_item.added',
      output_index: at,
      item: { type: 'function_call', id: `fc_${at}`, call_id: `call_${at}`, name: 'look', arguments: '' },
    })
    const piece = (at: number, text: string) => ({
      type: 'response.function_call_arguments.delta',
      output_index: at,
      item_id: `fc_${at}`,
      delta: text,
    })
    const events = read(decoder, call(0), call(1), piece(0, '{"a"'), piece(1, '{"b"'), piece(0, ':1}'), piece(1, ':2}'))
    expect(answerOf(events).kinds).toMatchObject([
      { value: { id: 'call_0', argumentsJson: '{"a":1}' } },
      { value: { id: 'call_1', argumentsJson: '{"b":2}' } },
    ])
  })
})

test('the parts of one item of reasoning are paragraphs, and its last sealed content counts', () => {
  const decoder = decoding()
  const piece = (at: number, text: string) => ({
    type: 'response.reasoning_summary_text.delta',
    output_index: 0,
    item_id: 'rs_1',
    summary_index: at,
    delta: text,
  })
  const item = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'first' }
  const events = read(
    decoder,
    created,
    { type: 'response.output_item.added', output_index: 0, item },
    piece(0, 'One, '),
    piece(0, 'two.'),
    piece(1, 'Three.'),
    { type: 'response.output_item.done', output_index: 0, item: { ...item, encrypted_content: 'last' } },
  )
  const reasoning = { text: 'One, two.\n\nThree.', signature: { vendor: 'openai', value: 'last' } }
  expect(answerOf(events).kinds).toMatchObject([{ case: 'reasoning', value: reasoning }])
})

describe('a whole answer', () => {
  const whole = (body: object) => () => decoding().whole(JSON.stringify({ ...response, ...body }))

  test('that waits in a queue is not an answer', () => {
    expect(whole({ status: 'queued' })).toThrow(expect.objectContaining({ reason: 'provider_error' }))
  })

  test('that is an error in disguise is that error', () => {
    const error = { code: 'rate_limit_exceeded', message: 'slow down' }
    expect(whole({ status: 'failed', error })).toThrow(expect.objectContaining({ reason: 'rate_limited' }))
  })

  test('without output is not an answer', () => {
    expect(whole({ output: undefined })).toThrow(expect.objectContaining({ reason: 'provider_error' }))
  })

  test.each([
    ['max_output_tokens', FinishReason.LENGTH],
    ['content_filter', FinishReason.CONTENT_FILTER],
    ['other', FinishReason.OTHER],
  ])('that is incomplete by %s says so', (reason, finish) => {
    const call = { type: 'function_call', call_id: 'c', name: 'look', arguments: '{"a' }
    const events = whole({ status: 'incomplete', incomplete_details: { reason }, output: [call] })()
    expect(answerOf(events).finish).toBe(finish)
  })
})
