import { describe, expect, test } from 'vitest'
import { status, whole } from '../faults/upstream.ts'
import { askJson, bearer, getJson, keyEntry, saying, sharedGateway } from './gateway.ts'

const key = 'sk-scaigrid'
const aliases = {
  'scailabs/poolnoodle-omni': ['simulator/echo'],
  'scailabs/poolnoodle-slow': ['up/slow'],
  'scailabs/poolnoodle-eyes': ['up/eyes'],
}
const gateway = await sharedGateway({
  config: {
    aliases,
    timeouts: { first_event: '1500ms' },
    server: { body_limit_bytes: 4096 },
    keys: [
      keyEntry('user', key),
      keyEntry('reader', 'sk-reader', { permissions: ['usage:read'] }),
      keyEntry('narrow', 'sk-narrow', { models: ['scailabs/poolnoodle-omni'] }),
    ],
  },
})
const url = `${gateway.url}/v1/inference/chat`
const model = 'scailabs/poolnoodle-omni'
const system = { role: 'system', content: 'You are a concise assistant.' }
const question = [system, ...saying('What is the capital of Switzerland?')]

/** Asks as the examples of the page do, with a key. */
const asking = (body: object, headers: Record<string, string> = {}): ReturnType<typeof askJson> =>
  askJson(url, body, { ...bearer(key), ...headers })

/** What the examples read: the `data` of the envelope. */
async function dataOf(body: object): Promise<Completion> {
  const { json } = await asking(body)
  expect(json).toMatchObject({ status: 'ok' })
  return (json as { data: Completion }).data
}

interface Completion {
  readonly choices: readonly {
    readonly message: { readonly content: string | null; readonly tool_calls?: readonly ToolCall[] }
    readonly finish_reason: string
  }[]
}

interface ToolCall {
  readonly id: string
  readonly function: { readonly name: string; readonly arguments: string }
}

describe('a whole answer', () => {
  test('has the shape of the page, in the envelope', async () => {
    const { json, headers } = await asking({ model, messages: question, max_tokens: 50 })
    const requestId = headers['x-request-id']
    expect(json).toEqual({
      status: 'ok',
      data: {
        id: expect.any(String),
        object: 'chat.completion',
        model,
        created: expect.any(Number),
        choices: [
          {
            index: 0,
            message: {
              role: 'assistant',
              content: '[simulated] You said: What is the capital of Switzerland?',
              refusal: null,
            },
            finish_reason: 'stop',
            logprobs: null,
          },
        ],
        usage: expect.objectContaining({ prompt_tokens: 11, completion_tokens: 9, total_tokens: 20 }),
        system_fingerprint: 'simulated',
        _meta: { request_id: requestId, latency_ms: expect.any(Number) },
      },
      meta: { request_id: requestId },
    })
  })

  test('is read as the example reads it', async () => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ model, messages: question, max_tokens: 50 }),
    })
    const { data } = (await answer.json()) as { data: Completion }
    expect(data.choices[0]?.message.content).toContain('capital of Switzerland')
  })

  test('says who answered, and who really did', async () => {
    const { headers } = await asking({ model, messages: question }, { 'X-Request-ID': 'my-own.id_1' })
    expect(headers).toMatchObject({
      'x-request-id': 'my-own.id_1',
      'x-scaigrid-request-id': 'my-own.id_1',
      'x-scaigrid-model': model,
      'x-scaigrid-backend': 'simulator/echo',
    })
    expect(await gateway.settled('my-own.id_1')).toMatchObject([{ key: 'user', dialect: 'scaigrid', alias: model }])
  })

  test('knows what was said before', async () => {
    gateway.upstream.answer('slow', status(200, whole))
    const messages = [
      { role: 'system', content: 'You translate to French.' },
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Bonjour' },
      { role: 'user', content: 'Good night' },
    ]
    const sampling = { max_tokens: 50, temperature: 0.2, top_p: 0.9, stop: ['END'], seed: 42, metadata: { team: 'a' } }
    await asking({ model: 'scailabs/poolnoodle-slow', messages, ...sampling }, { 'X-Request-ID': 'passed-on' })
    const [received] = gateway.upstream.received('slow')
    const { max_tokens: limit, ...others } = sampling
    expect(JSON.parse(received?.body ?? '')).toEqual({
      model: 'slow',
      messages,
      max_completion_tokens: limit,
      ...others,
    })
    expect(received?.headers['x-request-id']).toBe('passed-on')
  })

  test('ends for the reasons of the page', async () => {
    expect((await dataOf({ model, messages: question, max_tokens: 2 })).choices[0]?.finish_reason).toBe('length')
    const filtered = { ...whole, choices: [{ index: 0, message: { content: '' }, finish_reason: 'content_filter' }] }
    gateway.upstream.answer('slow', status(200, filtered))
    const { choices } = await dataOf({ model: 'scailabs/poolnoodle-slow', messages: question })
    expect(choices[0]?.finish_reason).toBe('content_filter')
  })
})

describe('tools', () => {
  const tools = [
    {
      type: 'function',
      function: {
        name: 'get_weather',
        description: 'Get current weather for a location',
        parameters: {
          type: 'object',
          properties: {
            location: { type: 'string' },
            unit: { type: 'string', enum: ['celsius', 'fahrenheit'] },
          },
          required: ['location'],
        },
      },
    },
  ]

  test('make the round of the page: a call, its result, an answer in words', async () => {
    const asked = saying("What's the weather in Zürich?")
    const [first] = (await dataOf({ model, messages: asked, tools })).choices
    const call = first?.message.tool_calls?.[0]
    expect(first?.finish_reason).toBe('tool_calls')
    expect(call?.function.name).toBe('get_weather')
    expect(JSON.parse(call?.function.arguments ?? '')).toEqual({ location: expect.any(String) })

    const result = { role: 'tool', tool_call_id: call?.id, content: '{"temp": 18, "unit": "celsius"}' }
    const history = [...asked, first?.message, result]
    const [final] = (await dataOf({ model, messages: history, tools })).choices
    expect(final?.finish_reason).toBe('stop')
    expect(final?.message.content).toBe('[simulated] The tool answered: {"temp": 18, "unit": "celsius"}')
  })

  test('are chosen by word or by name', async () => {
    const messages = saying('x')
    const named = { type: 'function', function: { name: 'get_weather' } }
    for (const tool_choice of ['auto', 'required', named]) {
      expect((await dataOf({ model, messages, tools, tool_choice })).choices[0]?.finish_reason).toBe('tool_calls')
    }
    expect((await dataOf({ model, messages, tools, tool_choice: 'none' })).choices[0]?.finish_reason).toBe('stop')
  })
})

test('parts of every kind go to the upstream as it takes them', async () => {
  gateway.upstream.answer('eyes', status(200, whole))
  const content = [
    { type: 'text', text: "What's in this image?" },
    { type: 'image_url', image_url: { url: 'https://example.com/photo.jpg', detail: 'high' } },
    { type: 'image_base64', image_base64: { data: 'aGVsbG8=', media_type: 'image/png' } },
    { type: 'audio_base64', audio_base64: { data: 'aGVsbG8=', media_type: 'audio/wav' } },
  ]
  const eyes = { model: 'scailabs/poolnoodle-eyes', messages: [{ role: 'user', content }] }
  const { headers } = await asking(eyes)
  expect(headers['x-switchyard-dropped']).toBeUndefined()
  expect(JSON.parse(gateway.upstream.received('eyes')[0]?.body ?? '')).toMatchObject({
    messages: [
      {
        content: [
          { type: 'text', text: "What's in this image?" },
          { type: 'image_url', image_url: { url: 'https://example.com/photo.jpg', detail: 'high' } },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,aGVsbG8=' } },
          { type: 'input_audio', input_audio: { data: 'aGVsbG8=', format: 'wav' } },
        ],
      },
    ],
  })
  // Of sound it takes the bytes alone, which the gateway does not get from here.
  const linked = [...content.slice(0, 1), { type: 'audio_url', audio_url: { url: 'https://192.0.2.7/a.wav' } }]
  const audio = await asking({ ...eyes, messages: [{ role: 'user', content: linked }] })
  expect([audio.status, audio.json]).toMatchObject([
    400,
    { error: { code: 'invalid_request', message: expect.stringMatching(/^messages\[0\]\.parts\[1\]: the URL leads/) } },
  ])
})

describe('an error', () => {
  const failed = (code: string, more: object = {}): object => ({
    status: 'error',
    error: { code, message: expect.any(String), ...more },
    meta: { request_id: expect.any(String) },
  })

  test.each([
    ['status-400', 400, 'invalid_request'],
    ['status-404', 404, 'not_found'],
    ['status-429', 429, 'rate_limited'],
    ['status-401', 502, 'backend_error'],
    ['status-500', 502, 'backend_error'],
    ['status-503', 503, 'backend_unavailable'],
    ['none', 404, 'not_found'],
  ])('of the model %s is %i %s', async (name, httpStatus, code) => {
    const answer = await asking({ model: `simulator/${name}`, messages: question, stream: true })
    expect(answer.status).toBe(httpStatus)
    expect(answer.json).toMatchObject(failed(code))
    expect(answer.headers).toMatchObject({
      'x-scaigrid-request-id': answer.headers['x-request-id'],
      'x-scaigrid-model': `simulator/${name}`,
      'x-scaigrid-backend': `simulator/${name}`,
    })
    expect(answer.headers['retry-after']).toBe(httpStatus === 429 ? '1' : undefined)
  })

  test('of too many requests says when to come again, whether the backend did or not', async () => {
    const told = { error: { message: 'slow down', code: 'rate_limit_exceeded' } }
    gateway.upstream.answer('busy', status(429, told))
    gateway.upstream.answer('busy-for-long', status(429, told, { 'retry-after': '70' }))
    gateway.upstream.answer('spent', status(429, { error: { message: 'no more', code: 'insufficient_quota' } }))
    const pause = async (name: string): Promise<unknown> =>
      (await asking({ model: `up/${name}`, messages: question })).headers['retry-after']
    expect([await pause('busy'), await pause('busy-for-long'), await pause('spent')]).toEqual(['1', '70', undefined])
  })

  test('of a timer names the timer', async () => {
    const { status: code, json } = await asking({ model: 'simulator/hang', messages: question })
    expect([code, json]).toEqual([504, failed('timeout', { details: { timer: 'first_event' } })])
  })

  test('of a field names the field', async () => {
    for (const [body, param] of [
      [{}, 'model'],
      [{ model }, 'messages'],
      [{ model, messages: question, max_tokens: -1 }, 'max_tokens'],
      [{ model, messages: [{ role: 'user', content: [{ type: 'video' }] }] }, 'messages[0].content[0].type'],
    ] as const) {
      const { status: code, json } = await asking(body)
      expect([code, json]).toEqual([400, failed('invalid_request', { details: { param } })])
    }
  })

  test('of the key', async () => {
    const body = { model, messages: question }
    const none = await askJson(url, body)
    expect([none.status, none.json]).toEqual([401, failed('unauthorized')])
    const reader = await askJson(url, body, bearer('sk-reader'))
    expect([reader.status, reader.json]).toEqual([403, failed('forbidden')])
    expect(reader.headers['x-scaigrid-backend']).toBeUndefined()
    const narrow = await askJson(url, { ...body, model: 'simulator/echo' }, bearer('sk-narrow'))
    expect([narrow.status, narrow.json]).toEqual([403, failed('forbidden', { details: { param: 'model' } })])
    expect((await askJson(url, body, bearer('sk-narrow'))).status).toBe(200)
  })

  test('of the HTTP request', async () => {
    const large = await asking({ model, messages: saying('x'.repeat(5000)) })
    expect([large.status, large.json]).toEqual([413, failed('payload_too_large')])
    const text = await askJson(url, 'model=x', { ...bearer(key), 'content-type': 'text/plain' })
    expect([text.status, text.json]).toEqual([415, failed('unsupported_media_type')])
    const get = await getJson(url, bearer(key))
    expect([get.status, get.json]).toEqual([405, failed('method_not_allowed')])
    for (const path of ['images/edits', 'nothing']) {
      const other = await getJson(`${gateway.url}/v1/inference/${path}`, bearer(key), 'POST')
      expect([other.status, other.json]).toEqual([404, failed('not_found')])
      expect(other.headers['x-scaigrid-request-id']).toBeTruthy()
    }
  })
})
