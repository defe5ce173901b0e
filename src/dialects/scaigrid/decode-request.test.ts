import { describe, expect, test } from 'vitest'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { parseBody } from '../json.ts'
import { openaiClient } from '../openai/client.ts'
import { type DecodedRequest, decodeRequest } from './decode-request.ts'

const model = 'scailabs/poolnoodle-omni'
const messages = [{ role: 'user', content: 'Tell me a story.' }]

function decode(body: object): DecodedRequest {
  return decodeRequest(parseBody(JSON.stringify(body), false))
}

function sentOn(body: object): { readonly body: Record<string, unknown>; readonly dropped: readonly string[] } {
  const { request, streaming } = decode(body)
  const { body: text, dropped, passThrough } = openaiClient.encodeChat(request, streaming, openaiClient.defaults)
  expect(passThrough).toBe(false)
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

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Get current weather for a location',
    parameters: {
      type: 'object',
      properties: { location: { type: 'string' }, unit: { type: 'string', enum: ['celsius', 'fahrenheit'] } },
      required: ['location'],
    },
  },
}

describe('the requests of the page', () => {
  test.each([
    [
      'the basic one',
      {
        model,
        messages: [
          { role: 'system', content: 'You are a concise assistant.' },
          { role: 'user', content: 'What is the capital of Switzerland?' },
        ],
        max_tokens: 50,
      },
    ],
    [
      'several turns',
      {
        model,
        messages: [
          { role: 'system', content: 'You translate to French.' },
          { role: 'user', content: 'Hello' },
          { role: 'assistant', content: 'Bonjour' },
          { role: 'user', content: 'Good night' },
        ],
      },
    ],
    [
      'an image by URL',
      {
        model,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: "What's in this image?" },
              { type: 'image_url', image_url: { url: 'https://example.com/photo.jpg' } },
            ],
          },
        ],
      },
    ],
    ['tools', { model, messages: [{ role: 'user', content: "What's the weather in Zürich?" }], tools: [weather] }],
  ])('mean to an upstream of OpenAI’s format what they say: %s', (_title, body) => {
    expect(sentOn(body)).toEqual({ body, dropped: [] })
  })

  test('ask for a stream', () => {
    expect(decode({ model, messages, stream: true }).streaming).toBe(true)
    expect(decode({ model, messages, stream: false }).streaming).toBe(false)
    expect(decode({ model, messages }).streaming).toBe(false)
  })

  test('give the answer’s message back, with what the tool said', () => {
    const call = { id: 'c1', type: 'function', function: { name: 'get_weather', arguments: '{"location":"Zürich"}' } }
    const history = [
      { role: 'user', content: "What's the weather in Zürich?" },
      { role: 'assistant', content: null, refusal: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c1', content: '{"temp": 18, "unit": "celsius"}' },
    ]
    const { body, dropped } = sentOn({ model, messages: history, tools: [weather] })
    expect(dropped).toEqual([])
    expect(body['messages']).toEqual([history[0], { role: 'assistant', content: null, tool_calls: [call] }, history[2]])
  })
})

test('carries every parameter of the page', () => {
  const body = {
    model,
    messages,
    max_tokens: 10,
    temperature: 0.5,
    top_p: 0.9,
    stop: ['END'],
    seed: 42,
    tools: [weather],
    tool_choice: { type: 'function', function: { name: 'get_weather' } },
    metadata: { team: 'red' },
  }
  expect(sentOn(body)).toEqual({ body, dropped: [] })
})

test('passes metadata on as text', () => {
  const metadata = { team: 'red', tier: 3, tags: ['a'], deep: { b: true } }
  expect(decode({ model, messages, metadata }).request.metadata).toEqual({
    team: 'red',
    tier: '3',
    tags: '["a"]',
    deep: '{"b":true}',
  })
})

test('reads every kind of part', () => {
  const content = [
    { type: 'text', text: 'Listen and look' },
    { type: 'image_url', image_url: { url: 'https://example.com/a.png', detail: 'high' } },
    { type: 'image_base64', image_base64: { data: 'AQID', media_type: 'image/png' } },
    { type: 'audio_url', audio_url: { url: 'https://example.com/a.wav' } },
    { type: 'audio_base64', audio_base64: { data: 'AQID', media_type: 'audio/wav' } },
  ]
  const data = { case: 'data', value: new Uint8Array([1, 2, 3]) }
  const { request } = decode({ model, messages: [{ role: 'user', content }] })
  expect(request.messages[0]?.parts.map(({ kind }) => kind)).toMatchObject([
    { case: 'text', value: { text: 'Listen and look' } },
    { case: 'image', value: { source: { case: 'url', value: 'https://example.com/a.png' }, detail: 'high' } },
    { case: 'image', value: { source: data, mediaType: 'image/png' } },
    { case: 'audio', value: { source: { case: 'url', value: 'https://example.com/a.wav' } } },
    { case: 'audio', value: { source: data, mediaType: 'audio/wav' } },
  ])
})

test('keeps reasoning and a refusal of an earlier answer in their places', () => {
  const earlier = { role: 'assistant', content: 'No.', refusal: 'I will not.', reasoning_content: 'Hm.' }
  const { request } = decode({ model, messages: [earlier, ...messages] })
  expect(request.messages[0]?.role).toBe(Role.ASSISTANT)
  expect(request.messages[0]?.parts.map(({ kind }) => kind.case)).toEqual(['reasoning', 'text', 'refusal'])
})

test.each([
  [{ model }, 'messages'],
  [{ model: '', messages }, 'model'],
  [{ model, messages: [] }, 'messages'],
  [{ model, messages: [{ role: 'user' }] }, 'messages[0].content'],
  [{ model, messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role'],
  [{ model, messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id'],
  [{ model, messages: [{ role: 'user', content: [{ type: 'video' }] }] }, 'messages[0].content[0].type'],
  [{ model, messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'messages[0].content[0].image_url'],
  [
    { model, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
    'messages[0].content[0].image_url.url',
  ],
  [
    {
      model,
      messages: [{ role: 'user', content: [{ type: 'audio_base64', audio_base64: { data: '!', media_type: 'a/b' } }] }],
    },
    'messages[0].content[0].audio_base64.data',
  ],
  [{ model, messages, max_tokens: 0 }, 'max_tokens'],
  [{ model, messages, temperature: 3 }, 'temperature'],
  [{ model, messages, top_p: 1.1 }, 'top_p'],
  [{ model, messages, seed: 0.5 }, 'seed'],
  [{ model, messages, stream: 'yes' }, 'stream'],
  [{ model, messages, tool_choice: 'maybe' }, 'tool_choice'],
  [{ model, messages, metadata: [] }, 'metadata'],
])('refuses by name: %j', (body, param) => {
  expect(refusal(body)).toMatchObject({ reason: 'invalid_request', details: { param } })
})

test('names what it has no field for, wherever that stands, and keeps the body as it was', () => {
  const body = {
    model,
    n: 2,
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }], mood: 'good' },
      { role: 'assistant', tool_calls: [{ id: 'c', function: { name: 'f', arguments: '{}' }, why: 'so' }] },
    ],
    tools: [{ type: 'web_search' }],
  }
  const { request } = decode(body)
  expect(request.source).toMatchObject({ dialect: 'scaigrid', body: JSON.stringify(body) })
  expect(request.source?.untranslated.toSorted()).toEqual([
    'messages[0].content[0].cache_control',
    'messages[0].mood',
    'messages[1].tool_calls[0].why',
    'n',
    'tools[0]',
  ])
})
