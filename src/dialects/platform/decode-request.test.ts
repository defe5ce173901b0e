import { describe, expect, test } from 'vitest'
import type { ChatRequest } from '#gen/switchyard/v1/chat_pb.ts'
import { Role, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { parseBody } from '../json.ts'
import { openaiClient } from '../openai/client.ts'
import { decodeRequest } from './decode-request.ts'

const messages = [{ role: 'user', content: 'Hello' }]

function decode(body: object): ChatRequest {
  return decodeRequest(parseBody(JSON.stringify(body), false))
}

function sentOn(body: object): { readonly body: Record<string, unknown>; readonly dropped: readonly string[] } {
  const { body: text, dropped } = openaiClient.encodeChat(decode(body), false, openaiClient.defaults)
  return { body: JSON.parse(text) as Record<string, unknown>, dropped }
}

function refusal(body: object): unknown {
  try {
    decode(body)
  } catch (error) {
    return error
  }
  return undefined
}

describe('the requests of the page', () => {
  test('reads the chat completion', () => {
    const { body, dropped } = sentOn({
      model: 'claude-sonnet-4-20250514',
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      maxTokens: 100,
    })
    expect(dropped).toEqual([])
    expect(body).toEqual({
      model: 'claude-sonnet-4-20250514',
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
      max_tokens: 100,
    })
  })

  test('reads the streaming chat', () => {
    expect(sentOn({ model: 'gpt-4o', messages }).body).toEqual({ model: 'gpt-4o', messages })
  })
})

describe('the model', () => {
  test.each([{}, { messages }, { model: '', messages }, { model: null, providerId: '' }])('is required: %j', (body) => {
    expect(refusal(body)).toMatchObject({
      reason: 'invalid_request',
      message: 'model is required',
      details: { param: 'model' },
    })
  })

  test('may be left to the provider that is named', () => {
    expect(decode({ providerId: 'a1b2c3d4', messages })).toMatchObject({ model: '', provider: 'a1b2c3d4' })
  })

  test('may be asked of the provider that is named', () => {
    expect(decode({ model: 'gpt-4o', providerId: 'openai', messages })).toMatchObject({
      model: 'gpt-4o',
      provider: 'openai',
    })
  })
})

test('carries every field that the dialect has', () => {
  const { body, dropped } = sentOn({
    model: 'gpt-4o',
    messages,
    maxTokens: 10,
    temperature: 0.5,
    topP: 0.9,
    stop: ['END', '.'],
    seed: 42,
    tools: [{ name: 'look', description: 'Looks', parameters: { type: 'object' } }],
    toolChoice: 'required',
  })
  expect(dropped).toEqual([])
  expect(body).toEqual({
    model: 'gpt-4o',
    messages,
    max_tokens: 10,
    temperature: 0.5,
    top_p: 0.9,
    stop: ['END', '.'],
    seed: 42,
    tools: [{ type: 'function', function: { name: 'look', description: 'Looks', parameters: { type: 'object' } } }],
    tool_choice: 'required',
  })
})

test('takes a single stop sequence', () => {
  expect(decode({ model: 'm', messages, stop: 'END' }).stop).toEqual(['END'])
})

test('takes null for every field that may be left out', () => {
  const nothing = { maxTokens: null, temperature: null, topP: null, stop: null, seed: null, tools: null }
  const request = decode({ model: 'm', messages, ...nothing, toolChoice: null, providerId: null })
  expect(request.source?.untranslated).toEqual([])
  expect(request.maxOutputTokens).toBeUndefined()
})

describe('tools', () => {
  const flat = { name: 'look', description: 'Looks', parameters: { type: 'object' }, strict: true }

  test('are the same flat and as OpenAI wraps them', () => {
    const one = decode({ model: 'm', messages, tools: [flat] })
    const other = decode({ model: 'm', messages, tools: [{ type: 'function', function: flat }] })
    expect(one.tools).toEqual(other.tools)
    expect(one.tools[0]?.kind).toMatchObject({ case: 'function', value: flat })
  })

  test.each([
    ['auto', { mode: Mode.AUTO, names: [] }],
    ['none', { mode: Mode.NONE, names: [] }],
    ['required', { mode: Mode.REQUIRED, names: [] }],
    [{ name: 'look' }, { mode: Mode.NAMED, names: ['look'] }],
    [
      { type: 'function', function: { name: 'look' } },
      { mode: Mode.NAMED, names: ['look'] },
    ],
  ])('are chosen by %j', (toolChoice, expected) => {
    expect(decode({ model: 'm', messages, tools: [flat], toolChoice }).toolChoice).toMatchObject(expected)
  })

  test('are called and answered in the conversation', () => {
    const conversation = [
      { role: 'user', content: 'Weather?' },
      { role: 'assistant', toolCalls: [{ id: 'c1', name: 'look', arguments: { at: 'Bern' } }] },
      { role: 'tool', toolCallId: 'c1', content: '18 degrees' },
    ]
    expect(sentOn({ model: 'm', messages: conversation }).body['messages']).toEqual([
      { role: 'user', content: 'Weather?' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{"at":"Bern"}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: '18 degrees' },
    ])
  })
})

describe('parts', () => {
  test('are text, images and sound, linked or inline', () => {
    const content = [
      { type: 'text', text: 'What is this?' },
      { type: 'image', url: 'https://example.com/a.png', detail: 'low', mediaType: 'image/png' },
      { type: 'image', data: 'AQID', mediaType: 'image/jpeg' },
      { type: 'image', url: 'data:image/gif;base64,AQID' },
      { type: 'audio', data: 'AQID', mediaType: 'audio/wav' },
      { type: 'audio', url: 'https://example.com/a.mp3' },
    ]
    const [message] = decode({ model: 'm', messages: [{ role: 'user', content }] }).messages
    const data = new Uint8Array([1, 2, 3])
    expect(message?.role).toBe(Role.USER)
    expect(message?.parts.map(({ kind }) => kind)).toMatchObject([
      { case: 'text', value: { text: 'What is this?' } },
      {
        case: 'image',
        value: { source: { value: 'https://example.com/a.png' }, detail: 'low', mediaType: 'image/png' },
      },
      { case: 'image', value: { source: { case: 'data', value: data }, mediaType: 'image/jpeg' } },
      { case: 'image', value: { source: { case: 'data', value: data }, mediaType: 'image/gif' } },
      { case: 'audio', value: { source: { case: 'data', value: data }, mediaType: 'audio/wav' } },
      { case: 'audio', value: { source: { case: 'url', value: 'https://example.com/a.mp3' } } },
    ])
  })

  test.each([
    [{ type: 'video', url: 'https://example.com' }, 'messages[0].content[0].type'],
    [{ type: 'image' }, 'messages[0].content[0]'],
    [{ type: 'image', url: 'https://example.com', data: 'AQID' }, 'messages[0].content[0]'],
    [{ type: 'image', data: 'AQID' }, 'messages[0].content[0].mediaType'],
    [{ type: 'image', data: '!', mediaType: 'image/png' }, 'messages[0].content[0].data'],
    [{ type: 'image', url: 'nowhere' }, 'messages[0].content[0].url'],
    [{ type: 'text' }, 'messages[0].content[0].text'],
  ])('are refused by name: %j', (content, param) => {
    const body = { model: 'm', messages: [{ role: 'user', content: [content] }] }
    expect(refusal(body)).toMatchObject({ reason: 'invalid_request', details: { param } })
  })
})

test.each([
  [{ messages: [] }, 'messages'],
  [{ messages: 'Hello' }, 'messages'],
  [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role'],
  [{ messages: [{ role: 'user' }] }, 'messages[0].content'],
  [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].toolCallId'],
  [{ model: 5, messages }, 'model'],
  [{ messages, maxTokens: 0 }, 'maxTokens'],
  [{ messages, maxTokens: 1.5 }, 'maxTokens'],
  [{ messages, maxTokens: '10' }, 'maxTokens'],
  [{ messages, temperature: 2.1 }, 'temperature'],
  [{ messages, topP: -0.1 }, 'topP'],
  [{ messages, seed: 2 ** 53 }, 'seed'],
  [{ messages, stop: 5 }, 'stop'],
  [{ messages, tools: [{ description: 'nameless' }] }, 'tools[0].name'],
  [{ messages, tools: [{ type: 'function', function: {} }] }, 'tools[0].function.name'],
  [{ messages, tools: [{ type: 'web_search', name: 'x' }] }, 'tools[0].type'],
  [{ messages, toolChoice: 'maybe' }, 'toolChoice'],
  [{ messages, toolChoice: {} }, 'toolChoice.name'],
])('refuses by name: %j', (fields, param) => {
  expect(refusal({ model: 'm', ...fields })).toMatchObject({ reason: 'invalid_request', details: { param } })
})

test('names what it has no field for, wherever that stands, and keeps the body as it was', () => {
  const body = {
    model: 'm',
    topK: 5,
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'x', weight: 1 }], mood: 'good' },
      { role: 'assistant', content: 'y', toolCalls: [{ id: 'c', name: 'f', arguments: '{}', why: 'so' }] },
      { role: 'tool', toolCallId: 'c', content: 'z' },
    ],
    tools: [
      { name: 'f', cost: 1 },
      { type: 'function', cost: 1, function: { name: 'g', price: 2 } },
    ],
  }
  const { source } = decode(body)
  expect(source).toMatchObject({ dialect: 'platform', body: JSON.stringify(body) })
  expect(source?.untranslated.toSorted()).toEqual([
    'messages[0].content[0].weight',
    'messages[0].mood',
    'messages[1].toolCalls[0].why',
    'tools[0].cost',
    'tools[1].cost',
    'tools[1].function.price',
    'topK',
  ])
  expect(sentOn(body).dropped).toEqual(source?.untranslated)
})
