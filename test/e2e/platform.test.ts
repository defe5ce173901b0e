import { describe, expect, test } from 'vitest'
import { ask } from '../faults/client.ts'
import { canary } from '../faults/gateway.ts'
import { frames, pieces, status } from '../faults/upstream.ts'
import { streamValues } from '../wire/case.ts'
import { askJson, bearer, getJson, keyEntry, saying, sharedGateway } from './gateway.ts'

const base = '/api/v1/inference'
const gateway = await sharedGateway({
  config: { timeouts: { first_event: '1500ms' }, server: { body_limit_bytes: 4096 } },
})
const guarded = await sharedGateway({
  config: {
    keys: [
      keyEntry('chat', 'sk-chat', { models: ['simulator/echo'] }),
      keyEntry('none', 'sk-none', { permissions: ['usage:read'] }),
    ],
  },
})
const chatUrl = `${gateway.url}${base}/chat`
const hello = { model: 'simulator/echo', messages: saying('Hello') }

describe('chat', () => {
  test('takes tools and gives their calls', async () => {
    const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
    const tools = [{ name: 'weather', description: 'Tells the weather', parameters }]
    const first = await askJson(chatUrl, { ...hello, tools, toolChoice: 'required' })
    expect(first.json).toMatchObject({
      success: true,
      data: { content: '', stopReason: 'tool_calls', toolCalls: [{ id: expect.any(String), name: 'weather' }] },
    })
    const { toolCalls } = (first.json as { data: { toolCalls: { id: string; arguments: string }[] } }).data
    expect(JSON.parse(toolCalls[0]?.arguments ?? '')).toEqual({ city: expect.any(String) })
    const messages = [
      ...hello.messages,
      { role: 'assistant', content: '', toolCalls },
      { role: 'tool', toolCallId: toolCalls[0]?.id, content: 'sunny' },
    ]
    const second = await askJson(chatUrl, { ...hello, messages, tools })
    expect(second.json).toMatchObject({ data: { content: '[simulated] The tool answered: sunny', stopReason: 'stop' } })
  })

  test('streams the pieces of a call of a tool', async () => {
    const tools = [
      { name: 'weather', parameters: { type: 'object', properties: { n: { const: 7 } }, required: ['n'] } },
    ]
    const { text: stream } = await ask(`${chatUrl}/stream`, { ...hello, tools })
    const values = streamValues(stream).map(({ value }) => value as { delta?: { toolCall?: { arguments: string } } })
    const calls = values.flatMap(({ delta }) => (delta?.toolCall === undefined ? [] : [delta.toolCall]))
    expect(calls[0]).toMatchObject({ index: 0, name: 'weather', id: expect.any(String) })
    expect(JSON.parse(calls.map((call) => call.arguments).join(''))).toEqual({ n: 7 })
    expect(values.at(-1)).toMatchObject({ type: 'message_stop', stopReason: 'tool_calls' })
  })

  test('takes the sampling of the page to the upstream, in its words', async () => {
    gateway.upstream.answer(
      'sampled',
      status(200, { choices: [{ index: 0, message: { content: 'x' }, finish_reason: 'stop' }] }),
    )
    const sampling = { maxTokens: 5, temperature: 0.5, topP: 0.9, stop: 'END', seed: 7 }
    await askJson(chatUrl, { ...hello, model: 'up/sampled', ...sampling })
    expect(JSON.parse(gateway.upstream.received('sampled')[0]?.body ?? '')).toEqual({
      model: 'sampled',
      messages: hello.messages,
      max_completion_tokens: 5,
      temperature: 0.5,
      top_p: 0.9,
      stop: ['END'],
      seed: 7,
    })
  })

  test('by providerId asks that provider, for its default model when none is named', async () => {
    const { id } = ((await getJson(`${gateway.url}${base}/providers/simulator`)).json as { data: { id: string } }).data
    for (const providerId of ['simulator', id]) {
      const { json } = await askJson(chatUrl, { providerId, messages: hello.messages })
      expect(json).toMatchObject({ success: true, data: { content: '[simulated] You said: Hello', model: 'echo' } })
    }
    const { json } = await askJson(chatUrl, {
      providerId: 'simulator',
      model: 'lorem?tokens=2',
      messages: hello.messages,
    })
    expect(json).toMatchObject({ data: { model: 'lorem?tokens=2', usage: { outputTokens: 2 } } })
  })

  test.each([
    ['the simulator', 'simulator/cut-after-2', 2],
    ['an upstream', 'up/cut', 3],
  ])('ends a stream that is cut by %s with an error and nothing after it', async (_by, model, told) => {
    gateway.upstream.answer('cut', pieces(frames.slice(0, 3), 'cut'))
    const { text: stream } = await ask(`${chatUrl}/stream`, { ...hello, model })
    const values = streamValues(stream).map(({ value }) => value as { type: string })
    const deltas = Array.from({ length: told }, () => 'content_block_delta')
    expect(values.map(({ type }) => type)).toEqual(['message_start', ...deltas, 'error'])
    expect(values.at(-1)).toEqual({ type: 'error', error: { code: 'PROVIDER_ERROR', message: expect.any(String) } })
  })
})

describe('errors', () => {
  const failed = (code: string, message: unknown = expect.any(String)): object => ({
    success: false,
    error: { code, message },
  })

  test.each([
    [{}, 'model is required'],
    [{ model: '', messages: hello.messages }, 'model is required'],
    [{ model: 'm' }, 'messages is required'],
    [{ ...hello, maxTokens: 0 }, expect.stringMatching(/^maxTokens: /)],
    [{ ...hello, temperature: 'hot' }, expect.stringMatching(/^temperature: /)],
    [{ ...hello, messages: [{ role: 'robot', content: '' }] }, expect.stringMatching(/^messages\[0\]\.role: /)],
    [{ ...hello, messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].toolCallId is required'],
  ])('of the body name the field: %j', async (body, message) => {
    for (const path of ['', '/stream']) {
      const answer = await askJson(chatUrl + path, body)
      expect([answer.status, answer.json]).toEqual([400, failed('BAD_REQUEST', message)])
    }
  })

  test.each([
    ['status-400', 400, 'BAD_REQUEST'],
    ['status-404', 404, 'NOT_FOUND'],
    ['status-408', 408, 'REQUEST_TIMEOUT'],
    ['status-409', 409, 'CONFLICT'],
    ['status-413', 413, 'PAYLOAD_TOO_LARGE'],
    ['status-422', 422, 'UNPROCESSABLE'],
    ['status-429', 429, 'RATE_LIMITED'],
    ['status-401', 502, 'PROVIDER_ERROR'],
    ['status-500', 502, 'PROVIDER_ERROR'],
    ['status-503', 503, 'UNAVAILABLE'],
    ['hang', 504, 'TIMEOUT'],
    ['none', 404, 'NOT_FOUND'],
  ])('of the model %s are %i %s', async (model, httpStatus, code) => {
    const answer = await askJson(`${chatUrl}/stream`, { ...hello, model: `simulator/${model}` })
    expect([answer.status, answer.json]).toEqual([httpStatus, failed(code)])
    if (httpStatus === 429) expect(answer.headers['retry-after']).toBe('1')
  })

  test('of a model nobody has, and of a provider nobody has, name them', async () => {
    const model = await askJson(chatUrl, { ...hello, model: 'nobody-has-this' })
    expect([model.status, model.json]).toEqual([404, failed('NOT_FOUND', expect.stringContaining('nobody-has-this'))])
    const provider = await askJson(chatUrl, { ...hello, providerId: 'nobody' })
    expect([provider.status, provider.json]).toEqual([404, failed('NOT_FOUND', expect.stringContaining('nobody'))])
  })

  test('of the key and of its permissions', async () => {
    const url = `${guarded.url}${base}/chat`
    const asked = async (body: object, headers = {}): Promise<[number, unknown]> => {
      const { status: code, json } = await askJson(url, body, headers)
      return [code, json]
    }
    expect(await asked(hello)).toEqual([401, failed('UNAUTHORIZED')])
    expect(await asked(hello, { 'x-api-key': 'sk-wrong' })).toEqual([401, failed('UNAUTHORIZED')])
    expect(await asked(hello, bearer('sk-none'))).toEqual([403, failed('FORBIDDEN')])
    expect(await asked({ ...hello, model: 'simulator/lorem' }, bearer('sk-chat'))).toEqual([403, failed('FORBIDDEN')])
    expect((await asked(hello, { 'x-api-key': 'sk-chat' }))[0]).toBe(200)
    const list = await getJson(`${guarded.url}${base}/providers`, bearer('sk-chat'))
    expect([list.status, list.json]).toEqual([403, failed('FORBIDDEN')])
  })

  test('of the HTTP request', async () => {
    const large = await askJson(chatUrl, { ...hello, messages: saying('x'.repeat(5000)) })
    expect([large.status, large.json]).toEqual([413, failed('PAYLOAD_TOO_LARGE')])
    const xml = await askJson(chatUrl, '<a/>', { 'content-type': 'text/xml' })
    expect([xml.status, xml.json]).toEqual([415, failed('UNSUPPORTED_MEDIA_TYPE')])
    const get = await getJson(chatUrl)
    expect([get.status, get.json, get.headers['allow']]).toEqual([405, failed('METHOD_NOT_ALLOWED'), 'POST'])
    const elsewhere = await getJson(`${gateway.url}${base}/nothing`)
    expect([elsewhere.status, elsewhere.json]).toEqual([404, failed('NOT_FOUND')])
  })
})

describe('what there is', () => {
  test('providers are listed, and got by id and by name, without their keys', async () => {
    const { json, text: body } = await getJson(`${gateway.url}${base}/providers`)
    const { data } = json as { data: { id: string; name: string }[] }
    expect(data.map(({ name }) => name)).toEqual(['up', 'simulator'])
    expect(data[0]).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{8}$/),
      type: 'openai',
      defaultModel: 'gpt-4o',
      envVar: 'UP_API_KEY',
      baseUrl: gateway.upstream.url,
      created: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      updated: expect.any(String),
    })
    for (const { id, name } of data) {
      const byId = await getJson(`${gateway.url}${base}/providers/${id}`)
      expect(byId.json).toEqual({ success: true, data: data.find((provider) => provider.name === name) })
      expect((await getJson(`${gateway.url}${base}/providers/${name}`)).json).toEqual(byId.json)
    }
    expect(body).not.toContain(canary)
    expect((await getJson(`${gateway.url}${base}/providers/nobody`)).status).toBe(404)
  })

  test('models are listed, of all providers or of one', async () => {
    const list = async (query: string): Promise<{ id: string; provider: string }[]> => {
      const { json } = await getJson(`${gateway.url}${base}/models${query}`)
      expect(json).toMatchObject({ success: true })
      return (json as { data: { id: string; provider: string }[] }).data
    }
    const all = await list('')
    const own = await list('?provider=simulator')
    expect(new Set(all.map(({ provider }) => provider))).toEqual(new Set(['up', 'simulator']))
    expect(own).toEqual(all.filter(({ provider }) => provider === 'simulator'))
    expect(own).toContainEqual(
      expect.objectContaining({ id: 'simulator/echo', operations: expect.arrayContaining(['chat', 'embed']) }),
    )
    expect((await getJson(`${gateway.url}${base}/models?provider=nobody`)).status).toBe(404)
  })
})
