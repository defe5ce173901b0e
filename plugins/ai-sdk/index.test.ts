import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { OpenAICompatibleProviderSettings } from '@ai-sdk/openai-compatible'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { FinishReason, Role, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { collect, fail, type Provider, Secret } from '#provider'
import { createEgress } from '../../src/provider/egress.ts'
import { answerOf } from '../../test/conformance/exchange.ts'
import { ask, chat, contextFor, failureOf, partsOf as kindsOf, textOf, until } from '../../test/suites/asking.ts'
import aiSdk from './index.ts'
import { partsOf } from './parts.ts'
import { readParts } from './read-parts.ts'

interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
}

const received: Received[] = []
let answer: (response: ServerResponse, streaming: boolean) => void
let open = 0
const upstream = createServer((request, response) => {
  const pieces: Buffer[] = []
  open++
  response.on('close', () => open--)
  request.on('data', (piece: Buffer) => pieces.push(piece))
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(pieces).toString()) as Record<string, unknown>
    received.push({ path: request.url ?? '', headers: request.headers, body })
    answer(response, body['stream'] === true)
  })
})
const egress = createEgress({ connectTimeoutMs: 1000 })
let provider: Provider
let baseUrl: string

const options: Partial<OpenAICompatibleProviderSettings> = { name: 'acme', includeUsage: true }
const settings = { package: '@ai-sdk/openai-compatible', options }
const make = (own: object, url = baseUrl): Provider | Promise<Provider> =>
  aiSdk.create(
    { baseUrl: url, own: aiSdk.manifest.settings.parse(own) },
    { name: 'acme', egress, log: contextFor().log },
  )

beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  baseUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`
  provider = await make(settings)
})
beforeEach(() => void (received.length = 0))
afterAll(async () => {
  await egress.close()
  upstream.closeAllConnections()
  upstream.close()
})

const usage = {
  prompt_tokens: 12,
  completion_tokens: 7,
  total_tokens: 19,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 3 },
}
const head = { id: 'c1', created: 1_700_000_000, model: 'acme-large-1' }

/** Answers with a message, in one piece or in the deltas given. */
function says(message: object, reason: string, deltas: readonly object[]): void {
  answer = (response, streaming) => {
    if (!streaming) {
      const choices = [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: reason }]
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ ...head, object: 'chat.completion', choices, usage }))
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const ends = { choices: [{ index: 0, delta: {}, finish_reason: reason }] }
    const chunks = [...deltas.map((delta) => ({ choices: [{ index: 0, delta }] })), ends, { choices: [], usage }]
    for (const chunk of chunks) response.write(`data: ${JSON.stringify({ ...head, ...chunk })}\n\n`)
    response.end('data: [DONE]\n\n')
  }
}

const credential = { id: 'ACME_API_KEY', secret: new Secret('canary-of-the-bridge') }
const ways = [{ streaming: false }, { streaming: true }]
const tool = {
  kind: {
    case: 'function' as const,
    value: {
      name: 'weather',
      description: 'Forecast',
      parameters: { type: 'object', properties: { city: { type: 'string' } } },
    },
  },
}

describe.each(ways)('through a package of the AI SDK, streaming: $streaming', ({ streaming }) => {
  const asked = async (request: ReturnType<typeof ask>) =>
    collect(chat(provider, request, { streaming, egress, credential }))

  test('text comes with its usage, and is asked for with the key through the gateway', async () => {
    says({ content: 'hello there' }, 'stop', [{ content: 'hello' }, { content: ' there' }])
    const response = await asked(
      ask('acme-large', 'hi', { temperature: 0.5, maxOutputTokens: 9, seed: 3n, stop: ['x'] }),
    )
    expect(textOf(response)).toBe('hello there')
    expect(response).toMatchObject({ id: 'c1', model: 'acme-large-1', created: 1_700_000_000n, dropped: [] })
    expect(response.choices).toMatchObject([{ finishReason: FinishReason.STOP, upstreamReason: 'stop' }])
    expect(response.usage).toMatchObject({ inputTokens: 12, outputTokens: 7, cacheReadTokens: 4, reasoningTokens: 3 })
    expect(received[0]).toMatchObject({
      path: '/v1/chat/completions',
      headers: { authorization: 'Bearer canary-of-the-bridge', 'x-request-id': 'test-request' },
      body: {
        model: 'acme-large',
        messages: [{ role: 'user', content: 'hi' }],
        temperature: 0.5,
        max_tokens: 9,
        seed: 3,
        stop: ['x'],
      },
    })
  })

  test('reasoning comes before the answer', async () => {
    says({ content: 'yes', reasoning_content: 'let me see' }, 'stop', [
      { reasoning_content: 'let me' },
      { reasoning_content: ' see' },
      { content: 'yes' },
    ])
    const response = await asked(ask('acme-large', 'hi', { reasoning: { effort: 'low' } }))
    expect(kindsOf(response)).toMatchObject([
      { case: 'reasoning', value: { text: 'let me see' } },
      { case: 'text', value: { text: 'yes' } },
    ])
    expect(received[0]?.body).toMatchObject({ reasoning_effort: 'low' })
  })

  test('tool calls come with name, id and arguments, several at once', async () => {
    const calls = ['Oslo', 'Rome'].map((city, index) => ({
      index,
      id: `call_${index}`,
      type: 'function',
      function: { name: 'weather', arguments: JSON.stringify({ city }) },
    }))
    says({ content: null, tool_calls: calls }, 'tool_calls', [
      {
        tool_calls: [{ index: 0, id: 'call_0', type: 'function', function: { name: 'weather', arguments: '{"city"' } }],
      },
      { tool_calls: [{ index: 0, function: { arguments: ':"Oslo"}' } }] },
      { tool_calls: [calls[1]] },
    ])
    const response = await asked(ask('acme-large', 'hi', { tools: [tool], toolChoice: { mode: Mode.REQUIRED } }))
    expect(kindsOf(response)).toMatchObject([
      { case: 'toolCall', value: { id: 'call_0', name: 'weather', argumentsJson: '{"city":"Oslo"}' } },
      { case: 'toolCall', value: { id: 'call_1', name: 'weather', argumentsJson: '{"city":"Rome"}' } },
    ])
    expect(response.choices[0]?.finishReason).toBe(FinishReason.TOOL_CALLS)
    expect(received[0]?.body).toMatchObject({
      tool_choice: 'required',
      tools: [{ type: 'function', function: { name: 'weather', description: 'Forecast' } }],
    })
  })

  test('a conversation with tools and pictures goes out as it was', async () => {
    says({ content: 'ok' }, 'stop', [{ content: 'ok' }])
    const text = (value: string) => ({ kind: { case: 'text' as const, value: { text: value } } })
    const picture = { source: { case: 'data' as const, value: Uint8Array.of(1, 2, 3) }, mediaType: 'image/png' }
    const call = { id: 'c1', name: 'weather', argumentsJson: '{"city":"Oslo"}' }
    const request = ask('acme-large', '', {
      messages: [
        { role: Role.SYSTEM, parts: [text('be brief')] },
        { role: Role.USER, parts: [text('where?'), { kind: { case: 'image', value: picture } }] },
        { role: Role.ASSISTANT, parts: [{ kind: { case: 'toolCall', value: call } }] },
        {
          role: Role.TOOL,
          parts: [{ kind: { case: 'toolResult', value: { toolCallId: 'c1', parts: [text('21')] } } }],
        },
      ],
    })
    expect((await asked(request)).dropped).toEqual([])
    expect(received[0]?.body['messages']).toMatchObject([
      { role: 'system', content: 'be brief' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'where?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AQID' } },
        ],
      },
      { role: 'assistant', tool_calls: [{ id: 'c1', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }] },
      { role: 'tool', tool_call_id: 'c1', content: '21' },
    ])
  })

  test('a URL that the package says its vendor reads stays one, and any other becomes bytes', async () => {
    says({ content: 'ok' }, 'stop', [{ content: 'ok' }])
    const fetched: string[] = []
    const guarded = {
      ...egress,
      sendGuarded: async ({ url }: { readonly url: string }) => {
        fetched.push(url)
        return answerOf(200, {}, [Buffer.from('GIF89a')])
      },
    }
    const supportedUrls = (): object => ({ 'image/*': [/^https:\/\/read\.example\//g] })
    const reading = await make({ ...settings, options: { ...options, supportedUrls } })
    const url = (value: string) => ({
      kind: { case: 'image' as const, value: { source: { case: 'url' as const, value } } },
    })
    const messages = [{ role: Role.USER, parts: [url('https://read.example/a'), url('https://other.example/b')] }]
    for (const one of [provider, reading])
      await collect(chat(one, ask('acme-large', '', { messages }), { streaming, egress: guarded, credential }))
    expect(fetched).toEqual(['https://read.example/a', 'https://other.example/b', 'https://other.example/b'])
    const gif = { image_url: { url: 'data:image/gif;base64,R0lGODlh' } }
    expect(received.map(({ body }) => body['messages'])).toMatchObject([
      [{ content: [gif, gif] }],
      [{ content: [{ image_url: { url: 'https://read.example/a' } }, gif] }],
    ])
  })

  test('what has no place is named, and refused when strict, before anything is sent', async () => {
    says({ content: 'ok' }, 'stop', [{ content: 'ok' }])
    const source = { dialect: 'other', untranslated: ['top_a'] }
    const picture = { source: { case: 'data' as const, value: Buffer.from('GIF89a') }, detail: 'high' }
    const messages = [{ role: Role.USER, parts: [{ kind: { case: 'image' as const, value: picture } }] }]
    const asking = { messages, user: 'u', parallelToolCalls: true, store: false, source }
    const response = await asked(ask('acme-large', 'hi', asking))
    expect(response.dropped).toEqual(['top_a', 'user', 'messages[0].parts[0].detail'])
    received.length = 0
    const strict = chat(provider, ask('acme-large', 'hi', { user: 'u', strict: true }), { streaming, egress })
    expect((await failureOf(strict)).error).toMatchObject({ reason: 'unsupported_field', details: { param: 'user' } })
    expect(received).toEqual([])
  })

  test.each([
    ['n', { n: 2 }],
    ['logprobs', { logprobs: true }],
  ])('what would shape the answer and has no place is refused: %s', async (param, given) => {
    const refused = chat(provider, ask('acme-large', 'hi', given), { streaming, egress })
    expect((await failureOf(refused)).error).toMatchObject({ reason: 'unsupported_field', details: { param } })
    expect(received).toEqual([])
  })

  test('what the package warns of is named, and refused when strict', async () => {
    says({ content: 'ok' }, 'stop', [{ content: 'ok' }])
    expect((await asked(ask('acme-large', 'hi', { topK: 4 }))).dropped).toEqual(['top_k'])
    const strict = chat(provider, ask('acme-large', 'hi', { topK: 4, strict: true }), { streaming, egress })
    const { events, error } = await failureOf(strict)
    expect(events).toEqual([])
    expect(error).toMatchObject({ reason: 'unsupported_field' })
  })

  test.each([
    [400, 'invalid_request', {}],
    [401, 'provider_credential', {}],
    [404, 'not_found', {}],
    [429, 'rate_limited', { retryAfterSeconds: 7 }],
    [500, 'provider_error', {}],
    [503, 'provider_unavailable', {}],
  ])('an answer %i is %s, once', async (status, reason, details) => {
    answer = (response) => {
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '7' })
      response.end(JSON.stringify({ error: { message: 'it was canary-free', type: 'some_type', code: 'some_code' } }))
    }
    const { events, error } = await failureOf(
      chat(provider, ask('acme-large', 'hi'), { streaming, egress, credential }),
    )
    expect(events).toEqual([])
    expect(error).toMatchObject({ reason, details })
    expect(received).toHaveLength(1)
  })

  test.each([
    ['a date', { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() }, { message: 'slow' }],
    ['a reset', { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '1h' }, { message: 'slow' }],
    // As Google tells it: test/wire/cases/gemini-generate/vercel--google-429-retry-info.json
    ['its body', {}, { message: 'slow', details: [{ retryDelay: '3600s' }] }],
  ])('how long to wait is read of %s', async (_where, headers, error) => {
    answer = (response) => {
      response.writeHead(429, { 'content-type': 'application/json', ...headers }).end(JSON.stringify({ error }))
    }
    const failed = await failureOf(chat(provider, ask('acme-large', 'hi'), { streaming, egress, credential }))
    const seconds = (failed.error as { details?: { retryAfterSeconds?: number } }).details?.retryAfterSeconds ?? 0
    expect([seconds > 3000, seconds <= 3600]).toEqual([true, true])
  })

  test('no connection is provider_unreachable', async () => {
    const nowhere = await make(settings, 'http://127.0.0.1:9/v1')
    const { error } = await failureOf(chat(nowhere, ask('acme-large', 'hi'), { streaming, egress }))
    expect(error).toMatchObject({ reason: 'provider_unreachable' })
  })

  test('a call that is aborted ends the upstream and throws the reason', async () => {
    answer = (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': wait\n\n')
    const controller = new AbortController()
    const reason = fail('client_closed', 'the client left')
    const failed = failureOf(chat(provider, ask('acme-large', 'hi'), { streaming, egress, signal: controller.signal }))
    await until(() => received.length === 1)
    controller.abort(reason)
    expect((await failed).error).toBe(reason)
    await until(() => open === 0)
  })
})

describe('a stream', () => {
  const streamed = (): ReturnType<typeof chat> => chat(provider, ask('acme-large', 'hi'), { egress })
  const chunk = (delta: object): string => `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta }] })}\n\n`

  test('comes as it is made', async () => {
    const next = Promise.withResolvers<void>()
    onTestFinished(() => next.resolve())
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk({ content: 'first' }))
      void next.promise.then(() => response.end(chunk({ content: ' second' })))
    }
    const events = streamed()[Symbol.asyncIterator]()
    const cases = [...((await events.next()).value ?? [])].map(({ event }) => event.case)
    expect(cases).toEqual(['started', 'textDelta'])
  })

  test.each([
    ['cleanly', (response: ServerResponse) => void response.end()],
    ['in its last bytes', (response: ServerResponse) => void response.destroy()],
  ])('that is cut %s is interrupted, after what it said', async (_how, cut) => {
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunk({ content: 'half' }), () => setTimeout(() => cut(response), 20))
    }
    const { events, error } = await failureOf(streamed())
    expect(events.map(({ event }) => event.case)).toEqual(['started', 'textDelta'])
    expect(error).toMatchObject({ reason: 'provider_interrupted' })
  })

  test('with an error in it fails with that error', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(`${chunk({ content: 'half' })}data: {"error":{"message":"too many","code":429}}\n\n`)
    }
    const { events, error } = await failureOf(streamed())
    expect(events.map(({ event }) => event.case)).toEqual(['started', 'textDelta'])
    expect(error).toMatchObject({ reason: 'rate_limited' })
  })

  test('that is left ends the upstream', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk({ content: 'first' }))
    }
    for await (const [first] of streamed()) {
      expect(first?.event.case).toBe('started')
      break
    }
    await until(() => open === 0)
  })
})

test('a system message is text alone, and what else is in it is named', async () => {
  const { encodePrompt } = await import('./prompt.ts')
  const reader = { vendor: settings.package, version: 'v4' as const, dropped: [] as string[] }
  const picture = { source: { case: 'data' as const, value: Buffer.from('GIF89a') } }
  const parts = [
    { kind: { case: 'text' as const, value: { text: 'be brief' } } },
    { kind: { case: 'image' as const, value: picture } },
  ]
  const { messages } = ask('m', '', { messages: [{ role: Role.SYSTEM, parts }] })
  expect(encodePrompt(messages, reader)).toEqual([{ role: 'system', content: 'be brief' }])
  expect(reader.dropped).toEqual(['messages[0].parts[1]'])
})

test('opaque values of the package are kept with what they seal, and given back to it alone', async () => {
  const sealed = { acme: { signature: 'opaque' } }
  const tokens = { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 }
  const parts = partsOf({
    content: [{ type: 'reasoning', text: 'hm', providerMetadata: sealed }],
    finishReason: { unified: 'stop', raw: 'stop' },
    usage: { inputTokens: tokens, outputTokens: { total: 1, text: 1, reasoning: 0 } },
    warnings: [],
  })
  const answered = { vendor: settings.package, model: 'm', dropped: [], strict: false }
  const response = await collect(readParts(parts, answered))
  const [part] = response.choices[0]?.message?.parts ?? []
  expect(part?.kind).toMatchObject({
    case: 'reasoning',
    value: { text: 'hm', signature: { vendor: settings.package, value: JSON.stringify(sealed) } },
  })
  const { encodePrompt } = await import('./prompt.ts')
  const message = ask('m', 'x', { messages: [{ role: Role.ASSISTANT, parts: part ? [part] : [] }] }).messages
  const own = { vendor: settings.package, version: 'v4' as const, dropped: [] }
  expect(encodePrompt(message, own)).toMatchObject([{ content: [{ type: 'reasoning', providerOptions: sealed }] }])
  const other = { vendor: '@ai-sdk/other', version: 'v4' as const, dropped: [] as string[] }
  expect(JSON.stringify(encodePrompt(message, other))).not.toContain('opaque')
  expect(other.dropped).toEqual(['messages[0].parts[0].signature'])
})

test('a total that the package does not tell is unknown, and no less than its parts', async () => {
  const parts = partsOf({
    content: [{ type: 'text', text: 'hm' }],
    finishReason: { unified: 'stop', raw: 'stop' },
    usage: {
      inputTokens: { total: 5, noCache: 5, cacheRead: 0, cacheWrite: 0 },
      outputTokens: { total: undefined, text: undefined, reasoning: 3 },
    },
    warnings: [],
  })
  const { usage: spent } = await collect(readParts(parts, { vendor: 'v', model: 'm', dropped: [], strict: false }))
  expect(spent).toMatchObject({ inputTokens: 5, inputUnknown: false })
  expect(spent).toMatchObject({ outputTokens: 3, reasoningTokens: 3, outputUnknown: true })
})

describe('what is wrong is told in one line at the start', () => {
  test.each([
    [{ package: '@ai-sdk/not-installed' }, /@ai-sdk\/not-installed is not installed; npm install/],
    [{ ...settings, export: 'createSomething' }, /it has createOpenAICompatible/],
    [{ package: 'zod' }, /settings\.export: say which function of zod makes a provider/],
  ])('%j', async (own, line) => {
    const made = Promise.try(() => make(own))
    await expect(made).rejects.toThrow(line)
    await expect(made).rejects.toThrow(/^[^\n]+$/)
  })

  test.each(['./local.js', '/etc/passwd', 'https://x.example/a.js', 'node:fs', '../x'])('%s is no package', (name) => {
    expect(aiSdk.manifest.settings.safeParse({ package: name }).success).toBe(false)
  })
})
