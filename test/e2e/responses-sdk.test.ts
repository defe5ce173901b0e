import OpenAI, { APIError, BadRequestError, NotFoundError, OpenAIError, RateLimitError } from 'openai'
import { zodResponsesFunction, zodTextFormat } from 'openai/helpers/zod'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { RunningGateway } from '../../src/gateway.ts'
import { gatewayWith } from '../services/gateway.ts'
import { type CaseResponse, readCases } from '../wire/case.ts'
import { inOddPieces, inOnePiece, type Received, startUpstream, type Upstream } from '../wire/upstream.ts'

const cases = readCases(`${import.meta.dirname}/../wire/cases`).filter(({ api }) => api.endsWith('-responses'))

function recording(name: string): CaseResponse {
  const found = cases.find(({ id }) => id.includes(name))
  if (found === undefined) throw new Error(`there is no recording of ${name}`)
  return found.response
}

/** The providers behind the gateway, each answering with one recording. */
const recordings = {
  thinking: recording('openai-responses/fantasy--openai-gpt-5-thinking-streaming'),
  whole: recording('interleaved-reasoning-between-tool-calls-3'),
  search: recording('openllmetry--agent-with-web-search'),
  refusal: recording('refusal-surfaces'),
  cut: recording('incomplete-mid-tool-call'),
  spent: recording('openai-error-1-stream'),
  codex: recording('chatgpt-responses/'),
  hybrid: recording('openrouter-responses/'),
  queued: recording('background-mode-with-tool'),
  azure: recording('azure-responses/fantasy'),
}
type Name = keyof typeof recordings
const names = Object.keys(recordings) as Name[]
const credential = 'canary-of-the-sdk-suite-0123456789'

let upstream: Upstream
let gateway: RunningGateway
const received = new Map<Name, readonly Received[]>()
const bodyOf = (name: Name) => received.get(name)?.at(-1)?.body as Record<string, unknown>

/** The SDK as its users make it, but that a failure is shown instead of tried again. */
const sdk = (): OpenAI => new OpenAI({ apiKey: 'any', baseURL: `${gateway.url.replace(/\/$/, '')}/v1`, maxRetries: 0 })

beforeAll(async () => {
  upstream = await startUpstream()
  const providers = names.map((name) => {
    const response = recordings[name]
    const mount = upstream.mount(response, response.sse === undefined ? inOnePiece(response) : inOddPieces(response, 7))
    received.set(name, mount.received)
    const type = name === 'azure' ? 'azure-openai' : 'openai'
    return { name, type, base_url: mount.baseUrl, env_var: 'SUITE_API_KEY', settings: { api: 'responses' } }
  })
  gateway = await gatewayWith({ providers }, { SUITE_API_KEY: credential })
})

afterAll(async () => {
  await gateway.stop()
  await upstream.close()
})

const weather = { type: 'function' as const, name: 'weather', strict: true, parameters: schemaOf(['city']) }

function schemaOf(required: string[]) {
  const properties = Object.fromEntries(required.map((name) => [name, { type: 'string' }]))
  return { type: 'object', properties, required, additionalProperties: false }
}

describe('a provider of another format', () => {
  const model = 'simulator/echo'

  test('answers whole', async () => {
    const response = await sdk().responses.create({ model, input: 'Hello', instructions: 'Be kind.' })
    expect(response.output_text).toBe('[simulated] You said: Hello')
    expect(response).toMatchObject({ object: 'response', status: 'completed', instructions: 'Be kind.', store: false })
    expect(response.id).toMatch(/^resp_/)
    expect(response.output[0]?.id).toMatch(/^msg_/)
    expect(response.usage?.total_tokens).toBeGreaterThan(0)
  })

  test('answers as a stream that the helper puts together', async () => {
    const types: string[] = []
    const stream = sdk().responses.stream({ model, input: 'Hello', reasoning: { effort: 'low' } })
    stream.on('event', ({ type }) => types.push(type))
    const response = await stream.finalResponse()
    expect(response.output_text).toBe('[simulated] You said: Hello')
    expect(response.output.map(({ type }) => type)).toEqual(['reasoning', 'message'])
    expect(response.usage?.output_tokens_details.reasoning_tokens).toBe(8)
    expect(types.filter((type, at) => type !== types[at - 1])).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ])
  })

  test('numbers its events and names each as it is', async () => {
    const answer = await fetch(`${gateway.url.replace(/\/$/, '')}/v1/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, input: 'Hello', stream: true }),
    })
    const blocks = (await answer.text()).trimEnd().split('\n\n')
    for (const [at, block] of blocks.entries()) {
      const [, event, data] = /^event: (\S+)\ndata: (.+)$/.exec(block) ?? []
      expect(JSON.parse(data ?? '')).toMatchObject({ type: event, sequence_number: at })
    }
  })

  test.each([false, true])('is led through a loop of tools (stream: %s)', async (streaming) => {
    const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: 'How is it there?' }]
    const turn = async () => {
      const asked = { model: 'simulator/echo?calls=2', input, tools: [weather], store: false }
      return streaming ? sdk().responses.stream(asked).finalResponse() : sdk().responses.create(asked)
    }
    const first = await turn()
    const calls = first.output.flatMap((item) => (item.type === 'function_call' ? [item] : []))
    expect(calls.map(({ name, status }) => [name, status])).toEqual([
      ['weather', 'completed'],
      ['weather', 'completed'],
    ])
    for (const call of calls) expect(JSON.parse(call.arguments)).toHaveProperty('city')
    input.push(...(first.output as OpenAI.Responses.ResponseInputItem[]))
    for (const [at, { call_id }] of calls.entries())
      input.push({
        type: 'function_call_output',
        call_id,
        output: at === 0 ? 'sunny' : [{ type: 'input_text', text: 'wet' }],
      })
    expect((await turn()).output_text).toContain('The tool answered:')
  })

  test('gives structured output and parsed arguments', async () => {
    const shape = z.object({ shape: z.string(), sides: z.number() })
    const parsed = await sdk().responses.parse({
      model,
      input: 'A square',
      text: { format: zodTextFormat(shape, 'shape') },
    })
    expect(shape.safeParse(parsed.output_parsed).success).toBe(true)
    const tool = zodResponsesFunction({ name: 'look', parameters: z.object({ place: z.string() }) })
    const called = await sdk().responses.parse({ model, input: 'Look', tools: [tool] })
    expect(called.output[0]).toMatchObject({ type: 'function_call', parsed_arguments: { place: expect.any(String) } })
  })

  test('calls a free-text tool', async () => {
    const tools = [{ type: 'custom' as const, name: 'sql' }]
    const response = await sdk().responses.stream({ model, input: 'All of it', tools }).finalResponse()
    expect(response.output[0]).toMatchObject({ type: 'custom_tool_call', name: 'sql', input: 'simulated input 1' })
  })

  test('that runs into a limit is incomplete', async () => {
    const response = await sdk().responses.create({ model: 'simulator/lorem', input: 'Go', max_output_tokens: 3 })
    expect(response).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } })
  })

  test('that breaks off ends in an error, not in a response', async () => {
    const stream = sdk().responses.stream({ model: 'simulator/cut-after-3', input: 'Go' })
    await expect(stream.finalResponse()).rejects.toThrow(APIError)
  })

  test('that limits its rate raises the SDK’s own error', async () => {
    const asked = sdk().responses.create({ model: 'simulator/status-429', input: 'Go' })
    await expect(asked).rejects.toThrow(RateLimitError)
  })

  test('names what it cannot carry', async () => {
    const { response } = await sdk()
      .responses.create({ model, input: 'Hello', max_tool_calls: 3, safety_identifier: 'someone' })
      .withResponse()
    expect(response.headers.get('x-switchyard-dropped')?.split(', ').toSorted()).toEqual([
      'max_tool_calls',
      'safety_identifier',
    ])
  })
})

describe('what needs a store is refused by name', () => {
  const input = 'Hello'
  test.each([
    ['previous_response_id', { input, previous_response_id: 'resp_1' }],
    ['conversation', { input, conversation: 'conv_1' }],
    ['background', { input, background: true }],
    ['input[0]', { input: [{ type: 'item_reference' as const, id: 'msg_1' }] }],
  ])('%s', async (param, body) => {
    const failed = await sdk()
      .responses.create({ model: 'simulator/echo', ...body })
      .catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(BadRequestError)
    expect(failed).toMatchObject({ status: 400, param })
  })

  test('and what was never stored is not found', async () => {
    await expect(sdk().responses.retrieve('resp_1')).rejects.toThrow(NotFoundError)
  })
})

describe('a provider of the same format', () => {
  test('gets the request as it was, and its stream reaches the client', async () => {
    const asked = { model: 'thinking/gpt-5', input: 'Weather?', include: ['reasoning.encrypted_content' as const] }
    const response = await sdk().responses.stream(asked).finalResponse()
    expect(bodyOf('thinking')).toEqual({ ...asked, model: 'gpt-5', stream: true })
    expect(received.get('thinking')?.at(-1)?.path).toBe('/responses')
    const [thought, call] = response.output
    expect(thought).toMatchObject({ type: 'reasoning', encrypted_content: expect.stringMatching(/^gAAAA/) })
    expect(call).toMatchObject({ type: 'function_call', name: 'weather', arguments: '{"location":"Florence, Italy"}' })
    expect(response.usage).toMatchObject({ input_tokens: 63, output_tokens: 121 })
  })

  test('gives a whole answer byte for byte', async () => {
    const answer = await sdk().responses.create({ model: 'whole/gpt-5.5', input: 'Go' }).asResponse()
    expect(await answer.text()).toBe(JSON.stringify(recordings.whole.body))
  })

  test('without event lines reaches the client with them', async () => {
    const stream = await sdk().responses.create({ model: 'hybrid/gpt-oss', input: '2+2?', stream: true })
    let text = ''
    for await (const event of stream) if (event.type === 'response.output_text.delta') text += event.delta
    expect(text).toBe('4')
  })

  test('that fails before it answers fails as a call', async () => {
    const stream = sdk().responses.create({ model: 'spent/gpt-5', input: 'Go', stream: true })
    await expect(stream).rejects.toThrow(RateLimitError)
  })

  test('that queues the request did not answer it', async () => {
    await expect(sdk().responses.create({ model: 'queued/gpt-4o', input: 'Go' })).rejects.toMatchObject({ status: 502 })
  })

  test('on Azure is asked at its own path with its own header', async () => {
    await sdk().responses.stream({ model: 'azure/gpt-5-mini', input: 'Weather?' }).finalResponse()
    const asked = received.get('azure')?.at(-1)
    expect([asked?.path, asked?.headers['api-key']]).toEqual(['/openai/v1/responses', credential])
    expect(asked?.headers['authorization']).toBeUndefined()
  })
})

describe('a client of chat completions', () => {
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'Weather?' },
  ]
  const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: schemaOf(['city']) } }]

  test('is answered by the Responses API', async () => {
    const stream = sdk().chat.completions.stream({ model: 'thinking/gpt-5', messages, tools, reasoning_effort: 'high' })
    const completion = await stream.finalChatCompletion()
    expect(completion.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        tool_calls: [
          { id: 'call_zgUaIBRPTwxxOusyyKw5NVMH', function: { arguments: '{"location":"Florence, Italy"}' } },
        ],
      },
    })
    expect(bodyOf('thinking')).toMatchObject({
      model: 'gpt-5',
      instructions: 'Be kind.',
      input: [{ role: 'user', content: 'Weather?' }],
      tools: [{ type: 'function', name: 'weather' }],
      reasoning: { effort: 'high' },
      include: ['reasoning.encrypted_content'],
      store: false,
      stream: true,
    })
  })

  test.each([
    ['codex', true, { finish_reason: 'stop', message: { content: '5' } }],
    ['refusal', true, { finish_reason: 'stop', message: { refusal: expect.stringContaining('sorry') } }],
    ['search', false, { finish_reason: 'stop', message: { annotations: expect.any(Array) } }],
    ['cut', true, { finish_reason: 'length' }],
  ] as const)('reads %s', async (name, streaming, wanted) => {
    const asked = { model: `${name}/gpt-5`, messages }
    const completion = streaming
      ? await sdk().chat.completions.stream(asked).finalChatCompletion().catch(lengthOf)
      : await sdk().chat.completions.create(asked)
    expect(completion.choices[0]).toMatchObject(wanted)
  })
})

/** The SDK throws what was cut short by its length. */
function lengthOf(error: unknown): { choices: { finish_reason: string }[] } {
  if (error instanceof OpenAIError && error.message.includes('length limit'))
    return { choices: [{ finish_reason: 'length' }] }
  throw error
}
