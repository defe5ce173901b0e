import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { collect, completeEvents, Secret } from '#provider'
import { createEgress } from '../../src/provider/egress.ts'
import { ask, contextFor, textOf } from '../../test/suites/asking.ts'
import opencode from './index.ts'

interface Asked {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
}

/** What Zen's endpoints answer, by the end of their paths: whole, and the `data` of each event of a stream. */
const answers: Readonly<Record<string, { readonly whole: object; readonly stream: readonly object[] }>> = {
  '/chat/completions': {
    whole: { choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }] },
    stream: [
      { choices: [{ index: 0, delta: { content: 'hello' } }] },
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    ],
  },
  '/responses': {
    whole: {
      object: 'response',
      status: 'completed',
      output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'hello' }] }],
    },
    stream: [
      { type: 'response.created', response: { id: 'resp_1', status: 'in_progress', output: [] } },
      { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: 'hello' },
      { type: 'response.completed', response: { id: 'resp_1', status: 'completed', output: [] } },
    ],
  },
  '/messages': {
    whole: { type: 'message', role: 'assistant', content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn' },
    stream: [
      { type: 'message_start', message: { id: 'msg_1', role: 'assistant', content: [] } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hello' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
      { type: 'message_stop' },
    ],
  },
  ':generateContent': {
    whole: { candidates: [{ content: { role: 'model', parts: [{ text: 'hello' }] }, finishReason: 'STOP' }] },
    stream: [],
  },
  ':streamGenerateContent?alt=sse': {
    whole: {},
    stream: [{ candidates: [{ content: { role: 'model', parts: [{ text: 'hello' }] }, finishReason: 'STOP' }] }],
  },
}

const egress = createEgress({ connectTimeoutMs: 1000 })
const log = pino({ level: 'silent' })
let server: Server
let place = ''
let asked: Asked[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const { url: path = '', headers } = request
      asked.push({ path, headers, body: JSON.parse(Buffer.concat(pieces).toString()) as Asked['body'] })
      const [, answer] = Object.entries(answers).find(([end]) => path.endsWith(end)) ?? []
      if (answer === undefined) response.writeHead(404).end()
      else if (headers.accept === 'text/event-stream') {
        response.setHeader('content-type', 'text/event-stream')
        const name = (event: object) => ('type' in event ? `event: ${String(event.type)}\n` : '')
        response.end(answer.stream.map((event) => `${name(event)}data: ${JSON.stringify(event)}\n\n`).join(''))
      } else response.setHeader('content-type', 'application/json').end(JSON.stringify(answer.whole))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  place = `http://127.0.0.1:${(server.address() as AddressInfo).port}/zen`
})

afterAll(async () => {
  server.close()
  await egress.close()
})

beforeEach(() => {
  asked = []
})

async function say(model: string, streaming: boolean, settings: object = {}, baseUrl = `${place}/v1`): Promise<string> {
  const own = opencode.manifest.settings.parse(settings)
  const provider = await opencode.create({ baseUrl, own }, { name: 'opencode', egress, log })
  const credential = { id: 'KEY', secret: new Secret('the-key') }
  const events = provider.chat?.(ask(model, 'Hello'), contextFor({ egress, credential, streaming })) ?? expect.fail()
  return textOf(await collect(completeEvents(events)))
}

describe.each([
  ['kimi-k3', '/zen/v1/chat/completions', 'authorization', 'Bearer the-key'],
  ['a-model-of-tomorrow', '/zen/v1/chat/completions', 'authorization', 'Bearer the-key'],
  ['gpt-5.5', '/zen/v1/responses', 'authorization', 'Bearer the-key'],
  ['grok-4.6', '/zen/v1/responses', 'authorization', 'Bearer the-key'],
  ['claude-sonnet-5', '/zen/v1/messages', 'x-api-key', 'the-key'],
  ['qwen3.7-max', '/zen/v1/messages', 'x-api-key', 'the-key'],
  ['qwen3.8-max', '/zen/v1/chat/completions', 'authorization', 'Bearer the-key'],
])('%s', (model, path, header, value) => {
  test.each([false, true])('is asked in its own format, streaming: %s', async (streaming) => {
    expect(await say(model, streaming)).toBe('hello')
    expect(asked).toMatchObject([{ path, headers: { [header]: value }, body: { model } }])
  })
})

test.each([
  [false, '/zen/v1/models/gemini-3.1-pro:generateContent'],
  [true, '/zen/v1/models/gemini-3.1-pro:streamGenerateContent?alt=sse'],
])('gemini-3.1-pro is asked in its own format, streaming: %s', async (streaming, path) => {
  expect(await say('gemini-3.1-pro', streaming)).toBe('hello')
  expect(asked).toMatchObject([{ path, headers: { 'x-goog-api-key': 'the-key' } }])
  expect(asked[0]?.headers.authorization).toBeUndefined()
})

test('settings name the format of models to come, and of others than they are thought to be', async () => {
  const settings = { formats: { 'qwen3.8-': 'messages', 'gpt-': 'chat' } }
  await say('qwen3.8-max', false, settings)
  await say('gpt-5.5', false, settings)
  expect(asked.map(({ path }) => path)).toEqual(['/zen/v1/messages', '/zen/v1/chat/completions'])
  expect(opencode.manifest.settings.safeParse({ formats: { x: 'soap' } }).success).toBe(false)
})

test('the base URL may leave the version out', async () => {
  await say('gpt-5.5', false, {}, place)
  expect(asked.map(({ path }) => path)).toEqual(['/zen/v1/responses'])
})

test('tokens are estimated, since Zen has no endpoint that counts them', async () => {
  const own = opencode.manifest.settings.parse({})
  const provider = await opencode.create({ baseUrl: place, own }, { name: 'opencode', egress, log })
  for (const model of ['claude-sonnet-5', 'gemini-3.1-pro']) {
    const count = await provider.countTokens?.(ask(model, 'Hello there'), contextFor({ egress }))
    expect(count).toMatchObject({ inputTokens: 3, estimated: true })
  }
  expect(asked).toEqual([])
})
