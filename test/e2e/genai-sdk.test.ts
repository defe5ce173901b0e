import { hash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type Content, FunctionCallingConfigMode, type GenerateContentResponse, GoogleGenAI } from '@google/genai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunningGateway } from '../../src/gateway.ts'
import { gatewayWith } from '../services/gateway.ts'
import { readCases, streamValues, type WireCase } from '../wire/case.ts'
import { inOddPieces, type Received, startUpstream, type Upstream } from '../wire/upstream.ts'

const folder = join(import.meta.dirname, '../wire/cases')
const recorded = ['gemini-generate', 'vertex-gemini-generate'].flatMap((api) => readCases(join(folder, api)))
const replayed = {
  search: caseNamed('pydantic-ai--native-output-with-builtin-tools-stream'),
  tool: caseNamed('rig--thinking-then-tool-call'),
  limited: caseNamed('vercel--google-429-retry-info'),
  broken: caseNamed('firebase--streaming-failure-error-mid-stream'),
  claude: readCases(join(folder, 'anthropic-messages')).find(({ response }) =>
    response.sse?.includes('signature_delta'),
  ),
} as const

function caseNamed(name: string): WireCase {
  const found = recorded.find(({ id }) => id.endsWith(name))
  if (found === undefined) throw new Error(`no recording ${name}`)
  return found
}

const key = 'a-key-of-the-genai-suite-0123456789'
const secret = 'canary-of-the-genai-suite'
const variable = 'GENAI_SUITE_API_KEY'

let upstream: Upstream
let counter: Server
let gateway: RunningGateway
const received: Record<string, readonly Received[]> = {}

beforeAll(async () => {
  upstream = await startUpstream()
  counter = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"totalTokens": 31}')
  })
  await new Promise<void>((resolve) => counter.listen(0, '127.0.0.1', resolve))
  const providers = Object.entries(replayed).flatMap(([name, wireCase]) => {
    if (wireCase === undefined) return []
    const mount = upstream.mount(wireCase.response, inOddPieces(wireCase.response, 3))
    received[name] = mount.received
    const type = name === 'claude' ? 'anthropic' : 'gemini'
    return [{ name, type, base_url: mount.baseUrl, env_var: variable }]
  })
  const base_url = `http://127.0.0.1:${(counter.address() as AddressInfo).port}`
  const sections = {
    // The SDK takes no name with a question mark in it.
    aliases: { many: ['simulator/lorem?tokens=20'], calls1: ['simulator/echo'], calls2: ['simulator/echo?calls=2'] },
    keys: [{ id: 'suite', hash: `sha256:${hash('sha256', key)}` }],
    providers: [...providers, { name: 'counter', type: 'gemini', base_url, env_var: variable }],
  }
  gateway = await gatewayWith(sections, { [variable]: secret })
})

afterAll(async () => {
  await gateway.stop()
  await upstream.close()
  counter.close()
})

const sdk = (apiKey = key, apiVersion?: string): GoogleGenAI =>
  new GoogleGenAI({ apiKey, httpOptions: { baseUrl: gateway.url, ...(apiVersion !== undefined && { apiVersion }) } })

async function all(stream: AsyncIterable<GenerateContentResponse>): Promise<GenerateContentResponse[]> {
  const chunks: GenerateContentResponse[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

/** Posts to a path as a client without an SDK does. */
function post(path: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(new URL(path, gateway.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

const weather = {
  name: 'weather',
  description: 'Tells the weather',
  parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

describe('against the simulator', () => {
  test('answers as a whole', async () => {
    const answer = await sdk().models.generateContent({ model: 'simulator/echo', contents: 'good morning' })
    expect(answer.text).toContain('good morning')
    expect(answer.candidates?.[0]?.finishReason).toBe('STOP')
    expect(answer.usageMetadata?.totalTokenCount).toBeGreaterThan(2)
    expect(answer.responseId).toMatch(/^sim-/)
  })

  test('answers as a stream, whose last chunk has the end and the usage', async () => {
    const chunks = await all(await sdk().models.generateContentStream({ model: 'many', contents: 'go' }))
    expect(chunks.length).toBeGreaterThan(10)
    expect(chunks.at(-1)?.candidates?.[0]?.finishReason).toBe('STOP')
    expect(chunks.at(-1)?.usageMetadata?.candidatesTokenCount).toBeGreaterThan(10)
  })

  test('thinks aloud, apart from what it says', async () => {
    const chunks = await all(
      await sdk().models.generateContentStream({
        model: 'simulator/echo',
        contents: 'hm',
        config: { thinkingConfig: { thinkingBudget: 6, includeThoughts: true } },
      }),
    )
    const parts = chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
    expect(parts.filter(({ thought }) => thought === true).length).toBeGreaterThan(0)
    expect(parts.some(({ thoughtSignature }) => thoughtSignature !== undefined)).toBe(true)
    expect(chunks.at(-1)?.usageMetadata?.thoughtsTokenCount).toBeGreaterThan(0)
  })

  test.each([1, 2])('calls %i functions, takes their results, and answers', async (count) => {
    const config = { tools: [{ functionDeclarations: [weather] }] }
    const model = `calls${count}`
    const contents: Content[] = [{ role: 'user', parts: [{ text: 'How is the weather?' }] }]
    const first = await all(await sdk().models.generateContentStream({ model, contents, config }))
    const calls = first.flatMap(({ functionCalls }) => functionCalls ?? [])
    expect(calls).toHaveLength(count)
    for (const call of calls) expect(call).toMatchObject({ name: 'weather', args: { city: expect.any(String) } })
    contents.push({ role: 'model', parts: calls.map((functionCall) => ({ functionCall })) })
    const parts = calls.map(({ id, name }) => ({
      functionResponse: { id: id ?? '', name: name ?? '', response: { output: 'sunny' } },
    }))
    contents.push({ role: 'user', parts })
    const second = await sdk().models.generateContent({ model, contents, config })
    expect(second.text).toContain('sunny')
  })

  test('keeps to a schema, and to the functions that are allowed', async () => {
    const config = { responseMimeType: 'application/json', responseJsonSchema: weather.parametersJsonSchema }
    const answer = await sdk().models.generateContent({ model: 'simulator/echo', contents: 'hi', config })
    expect(JSON.parse(answer.text ?? '')).toEqual({ city: expect.any(String) })
    const forced = await sdk().models.generateContent({
      model: 'simulator/echo',
      contents: 'hi',
      config: {
        tools: [{ functionDeclarations: [weather, { ...weather, name: 'time' }] }],
        toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ['time'] } },
      },
    })
    expect(forced.functionCalls?.map(({ name }) => name)).toEqual(['time'])
  })

  test('holds a conversation', async () => {
    const chat = sdk().chats.create({ model: 'simulator/echo' })
    await chat.sendMessage({ message: 'one' })
    await all(await chat.sendMessageStream({ message: 'two' }))
    const said = chat.getHistory().flatMap(({ role, parts }) => (role === 'model' ? (parts ?? []) : []))
    expect(said.map(({ text }) => text).join('')).toMatch(/one.*two/s)
  })

  test('counts tokens, and lists models', async () => {
    const { totalTokens } = await sdk().models.countTokens({ model: 'simulator/echo', contents: 'one two three' })
    expect(totalTokens).toBeGreaterThan(0)
    const names: (string | undefined)[] = []
    for await (const model of await sdk(key, 'v1beta').models.list()) names.push(model.name)
    expect(names.some((name) => name?.startsWith('models/'))).toBe(true)
    const one = await sdk(key, 'v1beta').models.get({ model: names[0] ?? '' })
    expect(one.name).toBe(names[0])
  })

  test.each([
    ['status-400', 400, 'INVALID_ARGUMENT'],
    ['status-429', 429, 'RESOURCE_EXHAUSTED'],
    ['status-503', 503, 'UNAVAILABLE'],
    ['no-such-model', 404, 'NOT_FOUND'],
  ])('fails as %s says', async (model, status, word) => {
    const asked = { model: `simulator/${model}`, contents: 'hi' }
    const failure = { status, message: expect.stringContaining(`"status":"${word}"`) as string }
    await expect(sdk().models.generateContent(asked)).rejects.toMatchObject(failure)
    await expect(sdk().models.generateContentStream(asked)).rejects.toMatchObject({ status })
  })

  test('ends a stream that breaks off with an error, and never with a normal end', async () => {
    const stream = await sdk().models.generateContentStream({ model: 'simulator/cut-after-3', contents: 'hi' })
    await expect(all(stream)).rejects.toThrow('ended before it was complete')
    const array = await post(`/v1beta/models/simulator%2Fcut-after-3:streamGenerateContent?key=${key}`, {
      contents: [],
    })
    const values = (await array.json()) as { error?: { code: number }; candidates?: { finishReason?: string }[] }[]
    expect(values.at(-1)?.error?.code).toBe(502)
    expect(values.some(({ candidates }) => candidates?.[0]?.finishReason !== undefined)).toBe(false)
  })

  test('streams one JSON array where no events are asked for', async () => {
    const contents = { role: 'user', parts: { text: 'snake and camel' } }
    const body = { contents, generation_config: { max_output_tokens: 2 } }
    const answer = await post('/v1beta/models/echo:streamGenerateContent', body, { 'x-goog-api-key': key })
    expect(answer.headers.get('content-type')).toContain('application/json')
    const values = (await answer.json()) as { candidates: { finishReason?: string }[] }[]
    expect(values.at(-1)?.candidates[0]?.finishReason).toBe('MAX_TOKENS')
  })

  test('wants a key, and names the field that is wrong', async () => {
    await expect(sdk('wrong').models.generateContent({ model: 'echo', contents: 'hi' })).rejects.toMatchObject({
      status: 401,
    })
    const wrong = { contents: [{ parts: [{ text: 'x' }] }], generationConfig: { topP: 7 } }
    const answer = await post('/v1beta/models/echo:generateContent', wrong, { 'x-goog-api-key': key })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('generationConfig.topP')
  })
})

describe('against a Gemini API that replays', () => {
  test('hands a stream through chunk by chunk, signatures and server tools included', async () => {
    const answer = await post(
      '/v1beta/models/search%2Fgemini-3-flash-preview:streamGenerateContent?alt=sse',
      replayed.search.request?.body as object,
      { 'x-goog-api-key': key },
    )
    const values = streamValues(await answer.text()).map(({ value }) => value)
    expect(values).toEqual(streamValues(replayed.search.response.sse ?? '').map(({ value }) => value))
    const [asked] = received['search'] ?? []
    expect(asked?.path).toBe('/v1beta/models/gemini-3-flash-preview:streamGenerateContent?alt=sse')
    expect(asked?.body).toEqual(replayed.search.request?.body)
    expect(asked?.headers).toMatchObject({ 'x-goog-api-key': secret })
    expect(JSON.stringify(asked)).not.toContain(key)
  })

  test('gives the SDK the call with its signature', async () => {
    const stream = await sdk().models.generateContentStream({ model: 'tool/gemini-2.5-flash', contents: 'call it' })
    const chunks = await all(stream)
    expect(chunks.flatMap(({ functionCalls }) => functionCalls ?? [])).toHaveLength(1)
    const parts = chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
    expect(parts.some(({ thoughtSignature }) => thoughtSignature !== undefined)).toBe(true)
  })

  test('passes a limit on with the time to wait, and an error in the middle as an error', async () => {
    const limited = sdk().models.generateContent({ model: 'limited/gemini-2.5-flash', contents: 'hi' })
    await expect(limited).rejects.toMatchObject({
      status: 429,
      message: expect.stringContaining('retryDelay') as string,
    })
    const broken = await sdk().models.generateContentStream({ model: 'broken/gemini-2.5-flash', contents: 'hi' })
    await expect(all(broken)).rejects.toThrow()
  })

  test("asks the provider for its own count, with the model's name", async () => {
    const { totalTokens } = await sdk().models.countTokens({ model: 'counter/gemini-2.5-flash', contents: 'hi' })
    expect(totalTokens).toBe(31)
  })
})

test("another vendor's signature survives the client, and returns to its vendor alone", async () => {
  const asked = { contents: [{ role: 'user', parts: [{ text: 'think' }] }] }
  const model = 'claude/claude-sonnet-4-20250514'
  const chunks = await all(await sdk().models.generateContentStream({ model, contents: asked.contents }))
  const parts = chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
  const sealed = parts.find(({ thoughtSignature }) => thoughtSignature !== undefined)
  expect(sealed).toBeDefined()
  const contents = [
    ...asked.contents,
    { role: 'model', parts: parts.filter(({ text }) => text !== '') },
    ...asked.contents,
  ]
  const own = await all(
    await sdk().models.generateContentStream({
      model,
      contents: [...contents, { role: 'model', parts: [sealed ?? {}] }],
    }),
  )
  expect(own.length).toBeGreaterThan(0)
  const [, again] = received['claude'] ?? []
  expect(again?.raw).toMatch(/"signature":"[^"]{20}/)
  await all(
    await sdk().models.generateContentStream({
      model: 'tool/gemini-2.5-flash',
      contents: [{ role: 'model', parts: [sealed ?? {}] }],
    }),
  )
  expect(received['tool']?.at(-1)?.raw).not.toContain('thoughtSignature')
})
