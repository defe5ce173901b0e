import Anthropic, {
  APIError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
  UnprocessableEntityError,
} from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import { createClient } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { InferenceService } from '#gen/switchyard/v1/inference_pb.ts'
import type { RunningGateway } from '../../src/gateway.ts'
import { gatewayWith } from '../services/gateway.ts'
import { type CaseResponse, readCases, streamValues } from '../wire/case.ts'
import { inOddPieces, inOnePiece, type Received, startUpstream, type Upstream } from '../wire/upstream.ts'

const cases = ['anthropic-messages', 'anthropic-count-tokens'].flatMap((api) =>
  readCases(`${import.meta.dirname}/../wire/cases/${api}`),
)

function recording(name: string): CaseResponse {
  const found = cases.find(({ id }) => id.includes(name))
  if (found === undefined) throw new Error(`there is no recording of ${name}`)
  return found.response
}

/** The providers behind the gateway, each answering with one recording. */
const recordings = {
  whole: recording('ellmer--anthropic-web-search'),
  thinking: recording('fixed-version-tool-chain'),
  count: recording('count-tokens'),
  missing: recording('claude-3-sonnet-20240229'),
  locked: recording('invalid-api-key'),
}

type Name = keyof typeof recordings
const names = Object.keys(recordings) as Name[]
const credential = 'canary-of-the-sdk-suite-0123456789'

let upstream: Upstream
let gateway: RunningGateway
const received = new Map<Name, readonly Received[]>()
const last = (name: Name): Received | undefined => received.get(name)?.at(-1)

/** The SDK as its users make it, but that a failure is shown instead of tried again. */
const sdk = (): Anthropic => new Anthropic({ apiKey: 'any', baseURL: gateway.url.replace(/\/$/, ''), maxRetries: 0 })

beforeAll(async () => {
  upstream = await startUpstream()
  const providers = names.map((name) => {
    const response = recordings[name]
    const pieces = response.sse === undefined ? inOnePiece(response) : inOddPieces(response, 7)
    const mount = upstream.mount(response, pieces)
    received.set(name, mount.received)
    return { name, type: 'anthropic', base_url: mount.baseUrl, env_var: 'SDK_SUITE_API_KEY' }
  })
  const simulator = { name: 'simulator', type: 'simulator' }
  gateway = await gatewayWith({ providers: [simulator, ...providers] }, { SDK_SUITE_API_KEY: credential })
})

afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const ask = (model: string, text = 'one two three') => ({
  model,
  max_tokens: 200,
  messages: [{ role: 'user' as const, content: text }],
})

describe('against a provider of another format', () => {
  test('a whole message', async () => {
    const message = await sdk().messages.create({ ...ask('echo'), system: 'Be brief.' })
    expect(message).toMatchObject({ type: 'message', role: 'assistant', stop_reason: 'end_turn', stop_sequence: null })
    expect(message.content).toEqual([{ type: 'text', text: '[simulated] You said: one two three' }])
    expect(message.usage).toMatchObject({ input_tokens: 5, output_tokens: 6, cache_read_input_tokens: 0 })
    expect(message._request_id).toMatch(/\S/)
  })

  test('the stream helper, with the same message at its end', async () => {
    const stream = sdk().messages.stream(ask('echo'))
    const texts: string[] = []
    stream.on('text', (text) => texts.push(text))
    const message = await stream.finalMessage()
    expect(texts.length).toBeGreaterThan(1)
    expect(texts.join('')).toBe('[simulated] You said: one two three')
    expect(message).toMatchObject({ stop_reason: 'end_turn', usage: { input_tokens: 3, output_tokens: 6 } })
  })

  test('thinking, with a signature that is handed back', async () => {
    const thinking = { type: 'enabled' as const, budget_tokens: 1024 }
    const message = await sdk()
      .messages.stream({ ...ask('echo'), max_tokens: 2000, thinking })
      .finalMessage()
    const [thought] = message.content
    expect(thought).toMatchObject({ type: 'thinking', signature: expect.stringContaining('"vendor":"simulator"') })
    const again = await sdk().messages.create({
      ...ask('echo'),
      messages: [
        { role: 'user', content: 'one' },
        { role: 'assistant', content: message.content },
        { role: 'user', content: 'two' },
      ],
    })
    expect(again.content).toEqual([{ type: 'text', text: '[simulated] You said: two' }])
  })

  test('the limit and a stop sequence, by their words', async () => {
    const cut = await sdk().messages.create({ ...ask('lorem'), max_tokens: 3 })
    expect(cut.stop_reason).toBe('max_tokens')
    const stopped = await sdk().messages.create({ ...ask('echo'), stop_sequences: ['two'] })
    expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'two' })
  })

  test.for(['echo', 'echo?calls=2'])('the tool runner, to its end (%s)', async (model) => {
    const asked: unknown[] = []
    const tool = (name: string) =>
      betaTool({
        name,
        description: 'Tells the weather',
        inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        run: (input) => {
          asked.push(input)
          return `sunny by ${name}`
        },
      })
    const runner = sdk().beta.messages.toolRunner({ ...ask(model), tools: [tool('weather'), tool('forecast')] })
    const message = await runner
    expect(asked.length).toBe(model === 'echo' ? 1 : 2)
    expect(asked[0]).toEqual({ city: expect.any(String) })
    expect(message.stop_reason).toBe('end_turn')
    expect(JSON.stringify(message.content)).toContain('sunny by weather')
  })

  test('the tool runner over streams', async () => {
    const weather = betaTool({
      name: 'weather',
      description: 'Tells the weather',
      inputSchema: { type: 'object', properties: {} },
      run: () => 'sunny',
    })
    const runner = sdk().beta.messages.toolRunner({ ...ask('echo'), tools: [weather], stream: true })
    const stops: unknown[] = []
    for await (const stream of runner) stops.push((await stream.finalMessage()).stop_reason)
    expect(stops).toEqual(['tool_use', 'end_turn'])
  })

  test('a count of tokens, which is what an answer then says it read', async () => {
    const { data, response } = await sdk()
      .messages.countTokens({ model: 'echo', messages: ask('echo').messages })
      .withResponse()
    const { usage } = await sdk().messages.create(ask('echo'))
    expect(data.input_tokens).toBe(usage.input_tokens)
    expect(response.headers.get('x-switchyard-estimated')).toBeNull()
  })

  test('what could not be carried is named', async () => {
    const body = { ...ask('echo'), container: 'c1' }
    const { response } = await sdk().messages.create(body).withResponse()
    expect(response.headers.get('x-switchyard-dropped')).toContain('container')
  })
})

describe('errors raise the SDK’s own classes', () => {
  test.for([
    [400, BadRequestError, 'invalid_request_error'],
    [404, NotFoundError, 'not_found_error'],
    [409, ConflictError, 'invalid_request_error'],
    [413, APIError, 'request_too_large'],
    [422, UnprocessableEntityError, 'invalid_request_error'],
    [429, RateLimitError, 'rate_limit_error'],
    [500, InternalServerError, 'api_error'],
    [529, InternalServerError, 'overloaded_error'],
  ] as const)('%d', async ([status, kind, type]) => {
    const failing = sdk().messages.create(ask(`status-${status}`))
    const error: unknown = await failing.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(kind)
    expect(error).toMatchObject({ status: status === 500 ? 502 : status, type })
    expect((error as { requestID: unknown }).requestID).toMatch(/\S/)
  })

  test('a field of the wrong type is named', async () => {
    const wrong = sdk().messages.create({ ...ask('echo'), max_tokens: 'many' as unknown as number })
    await expect(wrong).rejects.toThrow('max_tokens')
    const none = sdk().messages.create({ ...ask('echo'), max_tokens: undefined as unknown as number })
    await expect(none).rejects.toBeInstanceOf(BadRequestError)
  })

  test('a path that is not served says so in the format’s own shape', async () => {
    const error: unknown = await sdk()
      .messages.batches.list()
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(NotFoundError)
    expect(error).toMatchObject({ type: 'not_found_error' })
  })

  test.for(['error-after-3', 'cut-after-3'])(
    'a stream that fails midway is an error, never an end (%s)',
    async (model) => {
      const error: unknown = await sdk()
        .messages.stream(ask(model))
        .finalMessage()
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(APIError)
      expect((error as Error).message).toContain('api_error')
    },
  )
})

describe('against a provider of the same format', () => {
  test('a whole message as it was recorded, asked for in the client’s own words', async () => {
    const body = { ...ask('whole/claude-sonnet-5'), inference_geo: 'eu', temperature: 1 }
    const betas = { headers: { 'anthropic-beta': 'one-2026-01-01,two-2026-01-01', 'anthropic-version': '2023-01-01' } }
    const message = await sdk().messages.create(body, betas)
    expect(message).toEqual(recordings.whole.body)
    expect(last('whole')?.path).toBe('/v1/messages')
    expect(last('whole')?.body).toEqual({ ...body, model: 'claude-sonnet-5' })
    expect(last('whole')?.headers).toMatchObject({
      'anthropic-version': '2023-01-01',
      'anthropic-beta': 'one-2026-01-01,two-2026-01-01',
      'x-api-key': credential,
    })
  })

  test('a stream event by event', async () => {
    const response = await fetch(`${gateway.url.replace(/\/$/, '')}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...ask('thinking/claude-haiku-4-5'), stream: true }),
    })
    expect(streamValues(await response.text())).toEqual(streamValues(recordings.thinking.sse ?? ''))
    const message = await sdk().messages.stream(ask('thinking/claude-haiku-4-5')).finalMessage()
    expect(message.content.map(({ type }) => type)).toEqual(['thinking', 'tool_use'])
  })

  test('the provider’s own count', async () => {
    const body = { model: 'count/claude-opus-4-6', messages: ask('').messages }
    const { data, response } = await sdk().messages.countTokens(body).withResponse()
    expect(data.input_tokens).toBe(671)
    expect(response.headers.get('x-switchyard-estimated')).toBeNull()
    expect(last('count')?.path).toBe('/v1/messages/count_tokens')
    expect(last('count')?.body).toEqual({ ...body, model: 'claude-opus-4-6' })
  })

  test('another vendor’s sealed thinking stays behind, and its name is told', async () => {
    const sealed = 'switchyard:{"vendor":"other","value":"secret"}'
    const { response } = await sdk()
      .messages.create({
        ...ask('whole/claude-sonnet-5'),
        messages: [
          { role: 'user', content: 'one' },
          {
            role: 'assistant',
            content: [
              { type: 'thinking', thinking: 'hm', signature: sealed },
              { type: 'text', text: 'yes' },
            ],
          },
          { role: 'user', content: 'two' },
        ],
      })
      .withResponse()
    expect(last('whole')?.raw).not.toContain('secret')
    expect(response.headers.get('x-switchyard-dropped')).toBe('messages[1].content[0]')
  })

  test('what the caller did wrong is passed on, what the gateway did wrong is not', async () => {
    const missing: unknown = await sdk()
      .messages.create(ask('missing/claude-3-sonnet-20240229'))
      .catch((thrown: unknown) => thrown)
    expect(missing).toBeInstanceOf(NotFoundError)
    expect((missing as Error).message).toContain('model: claude-3-sonnet-20240229')
    const locked: unknown = await sdk()
      .messages.create(ask('locked/claude-3-opus-20240229'))
      .catch((thrown: unknown) => thrown)
    expect(locked).toMatchObject({ status: 502, type: 'api_error' })
  })
})

test('a client of another format gets the same answer, translated', async () => {
  const response = await fetch(`${gateway.url.replace(/\/$/, '')}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'thinking/claude-haiku-4-5', messages: ask('').messages, stream: true }),
  })
  const text = await response.text()
  expect(text).toContain('"name":"fixed_version"')
  expect(text).toContain('"finish_reason":"tool_calls"')
  expect(last('thinking')?.body).toMatchObject({ max_tokens: 4096, stream: true })
  expect(last('thinking')?.headers).toMatchObject({ 'anthropic-version': '2023-06-01', 'x-api-key': credential })
})

test('citations are told to a client of another format in its own words', async () => {
  const response = await fetch(`${gateway.url.replace(/\/$/, '')}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'whole/claude-sonnet-5', messages: ask('').messages }),
  })
  const { choices } = (await response.json()) as { choices: { message: { content: string; annotations: unknown[] } }[] }
  const [note] = choices[0]?.message.annotations ?? []
  expect(note).toMatchObject({ type: 'url_citation', url_citation: { url: expect.stringContaining('https://') } })
})

test('the version and the betas of a client survive the way over RPC', async () => {
  const baseUrl = gateway.url.replace(/\/$/, '')
  const client = createClient(InferenceService, createConnectTransport({ baseUrl, httpVersion: '1.1' }))
  const body = JSON.stringify({ ...ask('any'), surplus: 1 })
  const headers = {
    'anthropic-version': '2023-01-01',
    'anthropic-beta': 'one-2026-01-01',
    'x-api-key': 'mine',
    host: 'x',
  }
  const message = { role: Role.USER, parts: [{ kind: { case: 'text' as const, value: { text: 'hi' } } }] }
  const source = { dialect: 'anthropic', body, headers }
  const answered = await client.chat({ model: 'whole/claude-sonnet-5', messages: [message], source })
  expect(JSON.parse(answered.raw)).toEqual(recordings.whole.body)
  expect(last('whole')?.body).toMatchObject({ model: 'claude-sonnet-5', surplus: 1 })
  expect(last('whole')?.headers).toMatchObject({
    'anthropic-version': '2023-01-01',
    'anthropic-beta': 'one-2026-01-01',
    'x-api-key': credential,
    host: upstream.authority,
  })
})
