import { createHash, createHmac } from 'node:crypto'
import OpenAI, { BadRequestError, RateLimitError } from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningGateway } from '../../src/gateway.ts'
import { gatewayWith } from '../services/gateway.ts'
import { type CaseResponse, readCases } from '../wire/case.ts'
import { readConverse } from '../wire/readers/bedrock-converse.ts'
import { readCohere } from '../wire/readers/cohere-chat.ts'
import { readOllama } from '../wire/readers/ollama-native.ts'
import type { Spoken } from '../wire/readers/spoken.ts'
import { inOddPieces, type Received, startUpstream, type Upstream } from '../wire/upstream.ts'

/** Everything that is asked: a provider for each, in front of a recording or of an answer written by hand after the vendor's reference. */
const recordings = Object.fromEntries(
  ['bedrock-converse', 'cohere-chat', 'ollama-native', 'mistral'].flatMap((api) =>
    readCases(`${import.meta.dirname}/../wire/cases/${api}`).map(({ id, response }) => [id, response] as const),
  ),
)
const recorded = (id: string): CaseResponse => recordings[id] ?? { status: 599, headers: {}, bodyText: `no ${id}` }
const refusal = (status: number, body: object, headers: Record<string, string> = {}): CaseResponse => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: body as never,
})
const throttled = { 'x-amzn-errortype': 'ThrottlingException:http://internal.amazon.com/', 'retry-after': '7' }
const denied = { 'x-amzn-errortype': 'AccessDeniedException' }
const invalid = { 'x-amzn-errortype': 'ValidationException' }

const providers: Record<string, { type: string; response: CaseResponse; settings?: object }> = {
  bedrockWhole: { type: 'bedrock', response: recorded('bedrock-converse/lc-aws--thinking-v0-1') },
  bedrockStream: { type: 'bedrock', response: recorded('bedrock-converse/otel--converse-stream-no-content-tool-call') },
  bedrockSigned: {
    type: 'bedrock',
    response: recorded('bedrock-converse/reqllm--anthropic-claude-haiku-4-5-20251001-v1-0-usage'),
    settings: { region: 'eu-central-1', access_key_id: 'AKIDEXAMPLE', session_token_variable: 'SESSION_API_KEY' },
  },
  bedrock429: { type: 'bedrock', response: refusal(429, { message: 'Too many tokens' }, throttled) },
  bedrock400: { type: 'bedrock', response: refusal(400, { message: 'maxTokens is too large' }, invalid) },
  bedrock403: { type: 'bedrock', response: refusal(403, { message: 'arn:secret is not authorized' }, denied) },
  cohereWhole: {
    type: 'cohere',
    response: recorded('cohere-chat/rubyllm--chat-citations-with-cohere-command-a-plus-05-2-as-search-results-1'),
  },
  cohereStream: { type: 'cohere', response: recorded('cohere-chat/vercel--cohere-tool-call-stream') },
  cohereGivenUp: { type: 'cohere', response: recorded('cohere-chat/lc-cohere--sql-agent') },
  cohere429: {
    type: 'cohere',
    response: refusal(429, { id: 'x', message: 'Trial key limit' }, { 'retry-after': '7' }),
  },
  cohere400: { type: 'cohere', response: refusal(400, { id: 'x', message: 'invalid request: p' }) },
  cohere403: { type: 'cohere', response: refusal(401, { id: 'x', message: 'invalid api token' }) },
  ollamaWhole: { type: 'ollama', response: recorded('ollama-native/rig--structured-output-with-tools-1') },
  ollamaStream: { type: 'ollama', response: recorded('ollama-native/rig--hooks-observe-raw-streamed') },
  ollamaCompatible: {
    type: 'ollama',
    response: recorded('mistral/rig--blocking-ministral-3b-tiny-plain-two'),
    settings: { api: 'openai' },
  },
  ollama429: { type: 'ollama', response: refusal(429, { error: 'too many requests' }, { 'retry-after': '7' }) },
  ollama400: { type: 'ollama', response: refusal(400, { error: 'this model does not support tools' }) },
  ollama403: { type: 'ollama', response: refusal(401, { error: 'unauthorized' }) },
  mistral: { type: 'mistral', response: recorded('mistral/rig--blocking-ministral-3b-tiny-plain-two') },
}

const secret = 'canary-of-native-vendors-0123456789'
let upstream: Upstream
let gateway: RunningGateway
let client: OpenAI
const received = new Map<string, readonly Received[]>()

beforeAll(async () => {
  upstream = await startUpstream()
  const mounts = Object.entries(providers).map(([name, { type, response, settings = {} }], seed) => {
    const { baseUrl, received: asked } = upstream.mount(response, inOddPieces(response, seed))
    received.set(name, asked)
    return { name, type, base_url: baseUrl, env_var: 'NATIVE_API_KEY', settings }
  })
  const env = { NATIVE_API_KEY: secret, SESSION_API_KEY: 'session-token' }
  gateway = await gatewayWith({ providers: mounts }, env)
  client = new OpenAI({ apiKey: 'none', baseURL: `${gateway.url}/v1`, maxRetries: 0 })
})

afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const messages = [{ role: 'user' as const, content: 'Look around.' }]
const tools = [
  { type: 'function' as const, function: { name: 'look', description: 'Looks.', parameters: { type: 'object' } } },
]
const lastAsked = (provider: string): Received => {
  const asked = received.get(provider)?.at(-1)
  if (asked === undefined) throw new Error(`${provider} was not asked`)
  return asked
}

interface Heard {
  readonly text: string
  readonly reasoning: string
  readonly calls: readonly { readonly id: string; readonly name: string; readonly input: unknown }[]
  readonly finish: string | null | undefined
  readonly usage: readonly (number | undefined)[]
}

async function whole(model: string): Promise<Heard> {
  const answer = await client.chat.completions.create({ model, messages, tools })
  const [choice] = answer.choices
  const said = choice?.message as { content: string | null; reasoning_content?: string }
  const calls = (choice?.message.tool_calls ?? []).flatMap((call) =>
    call.type === 'function'
      ? [{ id: call.id, name: call.function.name, input: JSON.parse(call.function.arguments) as unknown }]
      : [],
  )
  return {
    text: said.content ?? '',
    reasoning: said.reasoning_content ?? '',
    calls,
    finish: choice?.finish_reason,
    usage: [answer.usage?.prompt_tokens, answer.usage?.completion_tokens],
  }
}

async function streamed(model: string): Promise<Heard> {
  const runner = client.chat.completions.stream({ model, messages, tools, stream_options: { include_usage: true } })
  let reasoning = ''
  for await (const chunk of runner) {
    const delta = chunk.choices[0]?.delta as { reasoning_content?: string } | undefined
    reasoning += delta?.reasoning_content ?? ''
  }
  const [choice] = (await runner.finalChatCompletion()).choices
  const usage = await runner.totalUsage()
  const calls = (choice?.message.tool_calls ?? []).flatMap((call) =>
    call.type === 'function'
      ? [{ id: call.id, name: call.function.name, input: JSON.parse(call.function.arguments) as unknown }]
      : [],
  )
  return {
    text: choice?.message.content ?? '',
    reasoning,
    calls,
    finish: choice?.finish_reason,
    usage: [usage.prompt_tokens, usage.completion_tokens],
  }
}

const heard = ({ text, reasoning, calls, usage }: Spoken, finish: string): Heard => ({
  text,
  reasoning,
  calls,
  finish,
  usage: [usage?.input, usage?.output],
})

describe('clients of chat completions get what the vendor said', () => {
  test.each([
    ['bedrockWhole', readConverse, 'stop', '/model/m%3A0/converse'],
    ['cohereWhole', readCohere, 'stop', '/v2/chat'],
    ['ollamaWhole', readOllama, 'tool_calls', '/api/chat'],
  ] as const)('%s', async (provider, read, finish, path) => {
    expect(await whole(`${provider}/m:0`)).toEqual(heard(read(providers[provider]?.response as CaseResponse), finish))
    expect(lastAsked(provider).path).toBe(path)
    expect(lastAsked(provider).headers['authorization']).toBe(`Bearer ${secret}`)
  })

  test.each([
    ['bedrockStream', readConverse, 'tool_calls', '/model/m%3A0/converse-stream'],
    ['cohereStream', readCohere, 'tool_calls', '/v2/chat'],
    ['ollamaStream', readOllama, 'length', '/api/chat'],
  ] as const)('%s, as it comes', async (provider, read, finish, path) => {
    expect(await streamed(`${provider}/m:0`)).toEqual(
      heard(read(providers[provider]?.response as CaseResponse), finish),
    )
    expect(lastAsked(provider).path).toBe(path)
  })

  test('an answer that is given up in its middle is an error, not a stop', async () => {
    await expect(streamed('cohereGivenUp/m')).rejects.toThrow('invalid tool generation')
  })
})

describe.each(['bedrock', 'cohere', 'ollama'])('%s: errors', (vendor) => {
  test('a limit of the rate stays one, with its time to wait', async () => {
    const error = await whole(`${vendor}429/m`).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RateLimitError)
    expect((error as RateLimitError).headers.get('retry-after')).toBe('7')
  })

  test('a bad request is the caller’s, with the vendor’s words', async () => {
    const error = await whole(`${vendor}400/m`).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(BadRequestError)
    const said = JSON.stringify(providers[`${vendor}400`]?.response.body)
    const message = (error as Error).message.replace(/^400 /, '')
    expect(said).toContain(message)
  })

  test('a refused credential is ours, and says nothing of it', async () => {
    const error = await whole(`${vendor}403/m`).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ status: 502 })
    expect((error as Error).message).not.toMatch(/arn|authorized|token/)
  })
})

describe('bedrock with an access key', () => {
  test('signs the request that leaves, session token included', async () => {
    await whole('bedrockSigned/global.anthropic.claude-haiku-4-5-20251001-v1:0')
    const { path, headers, raw } = lastAsked('bedrockSigned')
    const date = headers['x-amz-date'] ?? ''
    expect(headers['x-amz-security-token']).toBe('session-token')
    expect(JSON.stringify(headers)).not.toContain(secret)
    // The algorithm as the reference of Signature Version 4 tells it; a path that is encoded already is encoded once more.
    const hex = (text: string): string => createHash('sha256').update(text).digest('hex')
    const keyed = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
    const mounted = `/case/${Object.keys(providers).indexOf('bedrockSigned')}${path}`
    const signedHeaders = 'host;x-amz-date;x-amz-security-token'
    const canonical = [
      'POST',
      mounted.split('/').map(encodeURIComponent).join('/'),
      '',
      `host:${headers['host']}`,
      `x-amz-date:${date}`,
      'x-amz-security-token:session-token',
      '',
      signedHeaders,
      hex(raw),
    ].join('\n')
    const scope = `${date.slice(0, 8)}/eu-central-1/bedrock/aws4_request`
    const key = ['eu-central-1', 'bedrock', 'aws4_request'].reduce(keyed, keyed(`AWS4${secret}`, date.slice(0, 8)))
    const signature = keyed(key, ['AWS4-HMAC-SHA256', date, scope, hex(canonical)].join('\n')).toString('hex')
    expect(headers['authorization']).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    )
  })
})

describe('a configuration that cannot work fails the start, and says why', () => {
  test.each([
    [{}, 'region'],
    [{ region: 'eu-central-1', session_token_variable: 'SESSION_API_KEY' }, 'access_key_id'],
    [{ region: 'eu-central-1', access_key_id: 'a', session_token_variable: 'AWS_SESSION_TOKEN' }, 'allowed_env'],
    [{ region: 'eu-central-1', access_key_id: 'a', session_token_variable: 'ABSENT_API_KEY' }, 'ABSENT_API_KEY'],
  ])('bedrock with %j', async (settings, why) => {
    const aws = { name: 'aws', type: 'bedrock', env_var: 'NATIVE_API_KEY', settings }
    const env = { NATIVE_API_KEY: secret, SESSION_API_KEY: 'x', AWS_SESSION_TOKEN: 'y' }
    await expect(gatewayWith({ providers: [aws] }, env)).rejects.toThrow(new RegExp(`provider "aws": .*${why}`))
  })
})

describe('vendors that speak chat completions with words of their own', () => {
  const call = { id: 'call_abc', type: 'function' as const, function: { name: 'look', arguments: '{}' } }
  const history = [
    ...messages,
    { role: 'assistant' as const, content: null, tool_calls: [call] },
    { role: 'tool' as const, tool_call_id: 'call_abc', content: 'nothing' },
  ]

  test('mistral gets its own words and ids it takes, from the client’s own body', async () => {
    await client.chat.completions.create({ model: 'mistral/m', messages: history, seed: 4, max_completion_tokens: 9 })
    const { path, body } = lastAsked('mistral')
    const { messages: sent, ...rest } = body as { messages: { tool_calls?: { id: string }[]; tool_call_id?: string }[] }
    expect([path, rest]).toEqual(['/chat/completions', { model: 'm', random_seed: 4, max_tokens: 9 }])
    expect(sent[1]?.tool_calls?.[0]?.id).toMatch(/^[A-Za-z0-9]{9}$/)
    expect(sent[2]?.tool_call_id).toBe(sent[1]?.tool_calls?.[0]?.id)
  })

  test('ollama is asked by the compatible path where the operator wants that', async () => {
    await client.chat.completions.create({ model: 'ollamaCompatible/m', messages, seed: 4 })
    const { path, body } = lastAsked('ollamaCompatible')
    expect([path, body]).toEqual(['/v1/chat/completions', { model: 'm', messages, seed: 4 }])
  })
})
