import { describe, expect, test } from 'vitest'
import type { GatewayError } from '../../error/index.ts'
import { parseBody } from '../json.ts'
import { openaiClient } from '../openai/client.ts'
import { type DecodedRequest, decodeRequest } from './decode-request.ts'
import { errorBody, errorStatus } from './errors.ts'

const model = 'openai/gpt-5'
const messages = [{ role: 'user', content: 'Hello' }]

function decode(body: object): DecodedRequest {
  return decodeRequest(parseBody(JSON.stringify(body), false))
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
    const { request, streaming } = decode({ model, args: { messages, temperature: 0.5, max_tokens: 9, seed: 7 } })
    expect(streaming).toBe(false)
    expect(request).toMatchObject({ model, temperature: 0.5, maxOutputTokens: 9, seed: 7n })
    expect(request.messages[0]?.parts[0]?.kind).toMatchObject({ value: { text: 'Hello' } })
  })

  test('reach an upstream of that format to the letter, under the upstream’s own name for the model', () => {
    const args = '{ "seed":15092511270073158000, "messages":[{"role":"user","content":"x"}],"cost":1.50,"stream":true }'
    const body = parseBody(`{"args":${args},"model":"openai/gpt-5"}`, false)
    const { request, streaming } = decodeRequest(body)
    const sent = openaiClient.encodeChat({ ...request, model: 'gpt-5' }, streaming, openaiClient.defaults)
    expect(sent).toMatchObject({ passThrough: true, body: args.replace('{', '{"model":"gpt-5",') })
  })

  test('cannot name another model', () => {
    const { request } = decode({ model, args: { messages, model: 'other' } })
    expect(request.model).toBe(model)
    expect(JSON.parse(request.source?.body ?? '')).toEqual({ messages, model })
  })

  test('say whether a stream is asked for, and whether usage ends it', () => {
    expect(decode({ model, args: { messages, stream: true } })).toMatchObject({ streaming: true, includeUsage: true })
    const unwanted = { messages, stream: true, stream_options: { include_usage: false } }
    expect(decode({ model, args: unwanted })).toMatchObject({ streaming: true, includeUsage: false })
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
    expect(Object.keys(decoded).toSorted()).toEqual(['dropped', 'includeUsage', 'request', 'streaming'])
  }
})

test('names what it has no field for', () => {
  const { request, dropped } = decode({
    model,
    priority: 1,
    args: { messages, vendor_flag: true },
    inference_configuration: { region: 'eu' },
  })
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
    [{ timeout_seconds: 'soon' }, 'timeout_seconds', 'int_parsing', 'soon'],
    [{ timeout_seconds: 1.5 }, 'timeout_seconds', 'int_type', 1.5],
    [{ timeout_seconds: true }, 'timeout_seconds', 'int_type', true],
    [{ timeout_seconds: 0 }, 'timeout_seconds', 'too_small', 0],
    [{ num_retries: -1 }, 'num_retries', 'too_small', -1],
    [{ num_retries: 11 }, 'num_retries', 'too_big', 11],
  ])('of the configuration is named: %j', (configuration, field, type, input) => {
    expect(problem({ model, args: { messages }, inference_configuration: configuration })).toMatchObject({
      loc: ['body', 'inference_configuration', field],
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

test.each([{}, { args: null }, { args: { prompt: 'Once' } }, { args: { input: 'x' } }, { args: { anything: 1 } }])(
  'says that only chat is served: %j',
  (rest) => {
    const { status, body } = answered({ model, ...rest })
    expect(status).toBe(400)
    expect(body).toEqual({ detail: expect.stringContaining('args.messages') })
  },
)
