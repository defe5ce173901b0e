import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FaultyGateway, openGateway } from '../faults/gateway.ts'
import { readCases, streamValues, type WireCase } from '../wire/case.ts'
import { inOddPieces, startUpstream } from '../wire/upstream.ts'
import { saying } from './gateway.ts'

const chatCommand = `curl -X POST http://localhost:3000/api/v1/inference/chat \\
-H "Content-Type: application/json" \\
-d '{
"model": "claude-sonnet-4-20250514",
"messages": [
{"role": "user", "content": "What is the capital of France?"}
],
"maxTokens": 100
}'`

const streamCommand = `curl -X POST http://localhost:3000/api/v1/inference/chat/stream \\
-H "Content-Type: application/json" \\
-d '{
"model": "gpt-4o",
"messages": [{"role": "user", "content": "Hello"}]
}'`

const imageCommand = `curl -X POST http://localhost:3000/api/v1/inference/images \\
-H "Content-Type: application/json" \\
-d '{
"model": "gpt-image-1",
"prompt": "A sunset over mountains",
"size": "1024x1024"
}'`

const embedCommand = `curl -X POST http://localhost:3000/api/v1/inference/embed \\
-H "Content-Type: application/json" \\
-d '{
"model": "text-embedding-3-small",
"input": "The quick brown fox"
}'`

const registerCommand = `curl -X POST http://localhost:3000/api/v1/inference/providers \\
-H "Content-Type: application/json" \\
-d '{
"name": "openai",
"type": "openai",
"defaultModel": "gpt-4o",
"envVar": "OPENAI_API_KEY"
}'`

/** True when nobody answers on a port of this machine, by whichever address "localhost" is. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: 'localhost' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', () => resolve(true))
  })
}

/** A gateway on port 3000 where that is free, and on another one where it is not. */
async function openOnPagePort(choices: Parameters<typeof openGateway>[0] = {}): Promise<FaultyGateway> {
  const on = (port: number): Promise<FaultyGateway> =>
    openGateway({ ...choices, config: { ...choices.config, server: { port } } })
  if (!(await isFree(3000))) return on(0)
  return on(3000).catch(() => on(0))
}

/** Runs a command of the page in a shell, and gives what it printed. */
async function run(command: string, { port }: FaultyGateway): Promise<string> {
  const shell = spawn('sh', ['-c', command.replace(':3000/', `:${port}/`)], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return text(shell.stdout)
}

const recordings = readCases(fileURLToPath(new URL('../wire/cases/openai-chat', import.meta.url)))

function recording(name: string): WireCase {
  const found = recordings.find(({ id }) => id === `openai-chat/${name}`)
  return found ?? expect.fail(`there is no recording ${name}`)
}

describe('the page, answered by the simulator', () => {
  let gateway: FaultyGateway
  beforeAll(async () => {
    const models = ['claude-sonnet-4-20250514', 'gpt-4o', 'gpt-image-1', 'text-embedding-3-small']
    const aliases = Object.fromEntries(models.map((model) => [model, ['simulator/echo']]))
    gateway = await openOnPagePort({ config: { aliases } })
  })
  afterAll(() => gateway[Symbol.asyncDispose]())

  test('the chat command', async () => {
    expect(JSON.parse(await run(chatCommand, gateway))).toEqual({
      success: true,
      data: {
        content: '[simulated] You said: What is the capital of France?',
        model: 'claude-sonnet-4-20250514',
        usage: { inputTokens: 6, outputTokens: 9 },
        stopReason: 'stop',
        requestId: expect.any(String),
      },
    })
  })

  test('the image command', async () => {
    const { success, data } = JSON.parse(await run(imageCommand, gateway)) as {
      readonly success: boolean
      readonly data: { readonly images: readonly { readonly data: string }[] }
    }
    const [image] = data.images
    expect([success, data]).toMatchObject([true, { model: 'gpt-image-1', images: [{ mediaType: 'image/png' }] }])
    const file = Buffer.from(image?.data ?? '', 'base64')
    expect([file.readUInt32BE(16), file.readUInt32BE(20)]).toEqual([1024, 1024])
  })

  test('the embed command', async () => {
    expect(JSON.parse(await run(embedCommand, gateway))).toEqual({
      success: true,
      data: {
        embeddings: [expect.any(Array)],
        model: 'text-embedding-3-small',
        usage: { inputTokens: 4 },
        requestId: expect.any(String),
      },
    })
  })

  test('the stream command', async () => {
    const events = streamValues(await run(streamCommand, gateway)).map(({ value }) => value)
    expect(events).toEqual([
      { type: 'message_start', id: expect.any(String), model: 'gpt-4o' },
      ...['[simulated]', ' You', ' said:', ' Hello'].map((word) => ({
        type: 'content_block_delta',
        delta: { text: word },
      })),
      { type: 'message_stop', stopReason: 'stop', usage: { inputTokens: 1, outputTokens: 4 } },
    ])
  })
})

describe('the page, answered by recordings of a real provider', () => {
  const whole = recording('openllmetry--chat-reasoning')
  const streamed = recording('openllmetry--agent-arun-streaming-with-tools-1')
  let gateway: FaultyGateway
  let upstream: Awaited<ReturnType<typeof startUpstream>>
  let sent: readonly { readonly body: unknown }[]

  beforeAll(async () => {
    upstream = await startUpstream()
    const mounts = [whole, streamed].map(({ response }) => upstream.mount(response, inOddPieces(response, 5)))
    const provider = (name: string, index: number): object => {
      return { name, type: 'openai', base_url: mounts[index]?.baseUrl, env_var: 'UP_API_KEY' }
    }
    sent = mounts[0]?.received ?? []
    gateway = await openOnPagePort({
      providers: () => [provider('whole', 0), provider('streamed', 1)],
      config: { aliases: { 'claude-sonnet-4-20250514': ['whole/gpt-5-nano'], 'gpt-4o': ['streamed/gpt-4o-mini'] } },
    })
  })
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
    await upstream.close()
  })

  test('the chat command', async () => {
    const { choices, usage } = whole.response.body as unknown as {
      choices: [{ message: { content: string } }]
      usage: { prompt_tokens: number; completion_tokens: number }
    }
    expect(JSON.parse(await run(chatCommand, gateway))).toEqual({
      success: true,
      data: {
        content: choices[0].message.content,
        model: 'claude-sonnet-4-20250514',
        usage: { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens },
        stopReason: 'stop',
        requestId: expect.any(String),
      },
    })
    expect(sent.map(({ body }) => body)).toEqual([
      { model: 'gpt-5-nano', messages: saying('What is the capital of France?'), max_completion_tokens: 100 },
    ])
  })

  test('the stream command', async () => {
    const chunks = streamValues(streamed.response.sse ?? '').map(({ value }) => value as RecordedChunk)
    const words = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').filter((word) => word !== '')
    const counted = chunks.at(-1)?.usage
    const events = streamValues(await run(streamCommand, gateway)).map(({ value }) => value)
    expect(words.length).toBeGreaterThan(1)
    expect(events).toEqual([
      { type: 'message_start', id: expect.any(String), model: 'gpt-4o' },
      ...words.map((word) => ({ type: 'content_block_delta', delta: { text: word } })),
      {
        type: 'message_stop',
        stopReason: 'stop',
        usage: { inputTokens: counted?.prompt_tokens, outputTokens: counted?.completion_tokens },
      },
    ])
  })
})

describe.each<[what: string, env: Record<string, string>]>([
  ['while the environment implies a provider of that name', { OPENAI_API_KEY: 'k-openai' }],
  ['where the variable is not set', {}],
])('the page, registering a provider %s', (_, env) => {
  let gateway: FaultyGateway
  beforeAll(async () => {
    gateway = await openOnPagePort({ env, alone: true })
  })
  afterAll(() => gateway[Symbol.asyncDispose]())
  const list = async (): Promise<{ name: string; configured?: boolean }[]> => {
    const answer = await fetch(`${gateway.url}/api/v1/inference/providers`)
    return ((await answer.json()) as { data: { name: string; configured?: boolean }[] }).data
  }

  test('answers as shown, and with nothing else', async () => {
    const before = (await list()).filter(({ name }) => name === 'openai')
    expect(before).toHaveLength('OPENAI_API_KEY' in env ? 1 : 0)
    const { data, ...rest } = JSON.parse(await run(registerCommand, gateway)) as { data: Record<string, string> }
    expect(rest).toEqual({ success: true })
    expect(data).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}$/),
      name: 'openai',
      type: 'openai',
      defaultModel: 'gpt-4o',
      envVar: 'OPENAI_API_KEY',
      created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated: data['created'],
    })
    const after = (await list()).filter(({ name }) => name === 'openai')
    expect(after).toHaveLength(1)
    expect(after[0]).not.toHaveProperty('configured')
    expect(JSON.parse(await run(registerCommand, gateway))).toEqual({
      success: false,
      error: { code: 'CONFLICT', message: 'there is a provider "openai" already' },
    })
  })

  test.skipIf('OPENAI_API_KEY' in env)('and its calls say what is missing', async () => {
    expect(JSON.parse(await run(streamCommand, gateway))).toEqual({
      success: false,
      error: {
        code: 'PROVIDER_ERROR',
        message: 'the provider "openai" cannot be used: the environment variable OPENAI_API_KEY is not set',
      },
    })
  })
})

interface RecordedChunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[]
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number }
}
