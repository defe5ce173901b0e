import { describe, expect, test } from 'vitest'
import type { GatewayError } from '../../error/index.ts'
import { usageEvent } from '../../model/events.ts'
import { usage } from '../../model/usage.ts'
import type { RequestFacts } from '../contract.ts'
import { parseBody } from '../json.ts'
import { openaiClient } from '../openai/client.ts'
import type { Ask, AskOf, Served } from '../operation.ts'
import { decodeRequest } from './decode-request.ts'
import { errorBody, errorStatus } from './errors.ts'

const model = 'openai/gpt-5'
const served: Served = { requestId: 'r', provider: 'openai', model: 'gpt-5', alias: model, elapsed: () => 1 }
const messages = [{ role: 'user', content: 'Hello' }]

const facts: RequestFacts = { requestId: 'r', header: () => undefined, query: new URLSearchParams(), params: {} }

function decode(body: object, known: Partial<RequestFacts> = {}): Ask {
  return decodeRequest(parseBody(JSON.stringify(body), false), { ...facts, ...known })
}

function chatOf(ask: Ask): AskOf<'chat'> {
  return ask.operation === 'chat' ? ask : expect.fail(`it asks to ${ask.operation}`)
}

function answered(body: object): { readonly status: number; readonly body: unknown } {
  try {
    decode(body)
  } catch (error) {
    return { status: errorStatus(error as GatewayError), body: JSON.parse(errorBody(error as GatewayError)) as unknown }
  }
  throw new Error('the body was accepted')
}

function problem(body: object): unknown {
  const { status, body: answer } = answered(body)
  expect(status).toBe(422)
  return (answer as { detail: unknown[] }).detail[0]
}

describe('the arguments of a chat', () => {
  test('are read like a chat completion', () => {
    const args = { messages, temperature: 0.5, max_tokens: 9, seed: 7 }
    const { request, streaming } = chatOf(decode({ model, args }))
    expect(streaming).toBe(false)
    expect(request).toMatchObject({ model, temperature: 0.5, maxOutputTokens: 9, seed: 7n })
    expect(request.messages[0]?.parts[0]?.kind).toMatchObject({ value: { text: 'Hello' } })
  })

  test('reach an upstream of that format to the letter, under the upstream’s own name for the model', () => {
    const args = '{ "seed":15092511270073158000, "messages":[{"role":"user","content":"x"}],"cost":1.50,"stream":true }'
    const body = parseBody(`{"args":${args},"model":"openai/gpt-5"}`, false)
    const { request, streaming } = chatOf(decodeRequest(body, facts))
    const sent = openaiClient.encodeChat({ ...request, model: 'gpt-5' }, streaming, openaiClient.defaults)
    expect(sent).toMatchObject({ passThrough: true, body: args.replace('{', '{"model":"gpt-5",') })
  })

  test('cannot name another model', () => {
    const { request } = chatOf(decode({ model, args: { messages, model: 'other' } }))
    expect(request.model).toBe(model)
    expect(JSON.parse(request.source?.body ?? '')).toEqual({ messages, model })
  })

  test('say whether a stream is asked for, and whether usage ends it', () => {
    const ending = (args: object): string => {
      const { answer, streaming } = chatOf(decode({ model, args: { messages, stream: true, ...args } }))
      expect(streaming).toBe(true)
      return 'events' in answer ? String(answer.events([usageEvent(usage({ inputTokens: 1 }))], served)) : ''
    }
    expect(ending({})).toContain('"usage"')
    expect(ending({ stream_options: { include_usage: false } })).toBe('')
  })
})

test('takes the deadline and the retries from the configuration', () => {
  const configuration = { timeout_seconds: 30, num_retries: 0 }
  const decoded = decode({ model, args: { messages }, inference_configuration: configuration })
  expect(decoded).toMatchObject({ timeoutMs: 30_000, retries: 0 })
})

test('leaves deadline and retries to the gateway when the client does not choose them', () => {
  for (const configuration of [undefined, null, {}, { timeout_seconds: null }]) {
    const decoded = decode({ model, args: { messages }, inference_configuration: configuration })
    expect(Object.keys(decoded).toSorted()).toEqual(['answer', 'dropped', 'operation', 'request', 'streaming'])
  }
})

test('names what it has no field for', () => {
  const { request, dropped } = chatOf(
    decode({
      model,
      priority: 1,
      args: { messages, vendor_flag: true },
      inference_configuration: { region: 'eu' },
    }),
  )
  expect(request.source?.dialect).toBe('openai')
  expect(request.source?.untranslated).toEqual(['vendor_flag'])
  expect(dropped).toEqual(['priority', 'inference_configuration.region'])
})

describe('a field that is missing or mistyped', () => {
  test.each([
    [{ args: { messages } }, { loc: ['body', 'model'], msg: 'Field required', type: 'missing', input: null }],
    [
      { model: 5, args: { messages } },
      { loc: ['body', 'model'], type: 'string_type', input: 5 },
    ],
    [
      { model: 'gpt-5', args: { messages } },
      { loc: ['body', 'model'], msg: 'expected vendor/name', input: 'gpt-5' },
    ],
    [
      { model: 'openai/', args: { messages } },
      { loc: ['body', 'model'], input: 'openai/' },
    ],
    [
      { model, args: [] },
      { loc: ['body', 'args'], type: 'dict_type', input: [] },
    ],
    [
      { model, args: 'x' },
      { loc: ['body', 'args'], type: 'dict_type', input: 'x' },
    ],
    [
      { model, inference_configuration: 1 },
      { loc: ['body', 'inference_configuration'], type: 'dict_type', input: 1 },
    ],
  ])('of the body is named: %j', (body, expected) => {
    expect(problem(body)).toMatchObject(expected)
  })

  test.each([
    [{ timeout_seconds: 'soon' }, 'timeout_seconds', 'int_parsing', 'soon', 'expected int'],
    [{ timeout_seconds: 1.5 }, 'timeout_seconds', 'int_type', 1.5, 'expected int'],
    [{ timeout_seconds: true }, 'timeout_seconds', 'int_type', true, 'expected int'],
    [{ timeout_seconds: 0 }, 'timeout_seconds', 'too_small', 0, '>=1'],
    [{ num_retries: -1 }, 'num_retries', 'too_small', -1, '>=0'],
    [{ num_retries: 11 }, 'num_retries', 'too_big', 11, '<=10'],
  ])('of the configuration is named: %j', (configuration, field, type, input, words) => {
    expect(problem({ model, args: { messages }, inference_configuration: configuration })).toMatchObject({
      loc: ['body', 'inference_configuration', field],
      msg: expect.stringContaining(words),
      type,
      input,
    })
  })

  test.each([
    [{ messages: 'Hello' }, { loc: ['body', 'args', 'messages'], type: 'list_type', input: 'Hello' }],
    [{ messages: [{ role: 'robot' }] }, { loc: ['body', 'args', 'messages', 0, 'role'], input: 'robot' }],
    [
      { messages, stream: 1 },
      { loc: ['body', 'args', 'stream'], type: 'bool_type', input: 1 },
    ],
    [
      { messages, temperature: 'hot' },
      { loc: ['body', 'args', 'temperature'], type: 'float_parsing', input: 'hot' },
    ],
    [
      { messages, temperature: [1] },
      { loc: ['body', 'args', 'temperature'], type: 'float_type', input: [1] },
    ],
    [
      { messages, tool_choice: 'maybe' },
      { loc: ['body', 'args', 'tool_choice'], type: 'value_error', input: 'maybe' },
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      { loc: ['body', 'args', 'messages', 0, 'content', 0, 'image_url'], msg: 'Field required', type: 'missing' },
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      { loc: ['body', 'args', 'messages', 0, 'content', 0, 'image_url', 'url'], msg: 'is not a URL', input: 'x' },
    ],
  ])('of the arguments is named: %j', (args, expected) => {
    expect(problem({ model, args })).toMatchObject(expected)
  })

  test('is told beside the others', () => {
    const { body } = answered({ model, args: { messages, temperature: 9, top_p: 9 } })
    const { detail } = body as { detail: { loc: string[] }[] }
    expect(detail.map(({ loc }) => loc.join('.')).toSorted()).toEqual(['body.args.temperature', 'body.args.top_p'])
  })
})

describe('what is asked', () => {
  const asked = (args: object | null | undefined, operations: string[] = []): string =>
    decode({ model, args }, { operationsOf: (name) => (name === model ? operations : []) }).operation

  test.each([
    [{ messages, prompt: 'x', input: 'x' }, ['embed', 'generateImages'], 'chat'],
    [{ query: 'x', documents: ['y'] }, ['chat'], 'infer'],
    [{ input: 'x' }, [], 'infer'],
    [{ input: [] }, ['chat', 'infer'], 'infer'],
    [{}, ['embed'], 'infer'],
    [null, [], 'infer'],
    [undefined, [], 'infer'],
  ])('is told by the names of the arguments, and by what the model is for: %j of %j', (args, kinds, operation) => {
    expect(asked(args, kinds)).toBe(operation)
  })
})

describe('arguments that nobody here reads', () => {
  const args = '{"documents":[{"text":"x"}],"query":"y","top_n":1.50,"model":"other"}'

  test('go to the provider as they are, to the letter, and with the model alone replaced', () => {
    const ask = decodeRequest(parseBody(`{"args":${args},"model":"acme/rank"}`, false), facts)
    expect(ask).toMatchObject({
      operation: 'infer',
      streaming: false,
      request: {
        model: 'acme/rank',
        operation: '',
        args: { documents: [{ text: 'x' }], query: 'y', top_n: 1.5 },
        source: { dialect: 'sgp', body: args.replace('other', 'acme/rank') },
      },
    })
  })

  test.each([
    [true, true],
    [false, false],
    ['yes', false],
    [null, false],
  ])('ask for a stream by saying so: %j', (stream, streaming) => {
    expect(decode({ model, args: { anything: 1, stream } }).streaming).toBe(streaming)
  })
})
