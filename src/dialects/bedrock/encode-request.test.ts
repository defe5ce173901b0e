import { describe, expect, test } from 'vitest'
import { asList, asMap, asText, type JsonMap } from '../../../test/wire/case.ts'
import { type ChatRequest, type Part, Role, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { emptyChatRequest } from '../../model/request.ts'
import { calling, inlineFile, inlineImage, linkedImage, message, part, textPart, toolResult } from '../parts.ts'
import { bedrockClient } from './client.ts'
import { encodeRequest } from './encode-request.ts'

const encode = (request: ChatRequest, streaming = false) => {
  const encoded = encodeRequest(request, streaming, bedrockClient.defaults)
  return { ...encoded, body: JSON.parse(encoded.body) as JsonMap }
}
const ask = (fields: Partial<ChatRequest>, model = 'us.anthropic.claude-sonnet-5'): ChatRequest => ({
  ...emptyChatRequest(model),
  messages: [message(Role.USER, [textPart('Hi')])],
  ...fields,
})
const signed = (text: string, vendor: string, redacted = false): Part =>
  part({
    case: 'reasoning',
    value: {
      $typeName: 'switchyard.v1.Reasoning',
      text,
      redacted,
      signature: { $typeName: 'switchyard.v1.Signature', vendor, value: 'c2ln' },
    },
  })
const tool = (name: string, strict?: boolean): ChatRequest['tools'][number] => ({
  $typeName: 'switchyard.v1.Tool',
  kind: {
    case: 'function',
    value: {
      $typeName: 'switchyard.v1.FunctionTool',
      name,
      description: '',
      parameters: { type: 'object' },
      ...(strict !== undefined && { strict }),
    },
  },
})
const choose = (mode: Mode, ...names: string[]): ChatRequest['toolChoice'] => ({
  $typeName: 'switchyard.v1.ToolChoice',
  mode,
  names,
})
const reason = (fields: { effort?: string; budgetTokens?: number }): ChatRequest['reasoning'] => ({
  $typeName: 'switchyard.v1.ReasoningOptions',
  ...fields,
})

test('texts, images, documents, calls and results take the documented shapes, in turns', () => {
  const cached = {
    ...textPart('Be brief.'),
    cacheControl: { $typeName: 'switchyard.v1.CacheControl' as const, ttlSeconds: 3600 },
  }
  const request = ask({
    messages: [
      message(Role.SYSTEM, [cached]),
      message(Role.USER, [
        textPart('Look'),
        inlineImage('aGk=', 'image/jpeg', 'x'),
        inlineFile('data:application/pdf;base64,aGk=', 'my_file.pdf', 'x'),
      ]),
      message(Role.ASSISTANT, [signed('hm', 'bedrock'), textPart(''), calling('toolu_1', 'look', '{"at":1}')]),
      message(Role.TOOL, [toolResult('toolu_1', [textPart('nothing'), inlineImage('aGk=', 'image/png', 'x')], true)]),
      message(Role.USER, [textPart('And now?')]),
    ],
    maxOutputTokens: 100,
    temperature: 0.5,
    topP: 0.9,
    stop: ['END'],
    tools: [tool('look', true)],
    toolChoice: choose(Mode.NAMED, 'look'),
    metadata: { team: 'a' },
    serviceTier: 'flex',
  })
  const { body, dropped } = encode(request)
  expect(dropped).toEqual([])
  expect(body).toEqual({
    system: [{ text: 'Be brief.' }, { cachePoint: { type: 'default', ttl: '1h' } }],
    messages: [
      {
        role: 'user',
        content: [
          { text: 'Look' },
          { image: { format: 'jpeg', source: { bytes: 'aGk=' } } },
          { document: { format: 'pdf', name: 'my file pdf', source: { bytes: 'aGk=' } } },
        ],
      },
      {
        role: 'assistant',
        content: [
          { reasoningContent: { reasoningText: { text: 'hm', signature: 'c2ln' } } },
          { toolUse: { toolUseId: 'toolu_1', name: 'look', input: { at: 1 } } },
        ],
      },
      {
        role: 'user',
        content: [
          {
            toolResult: {
              toolUseId: 'toolu_1',
              content: [{ text: 'nothing' }, { image: { format: 'png', source: { bytes: 'aGk=' } } }],
              status: 'error',
            },
          },
          { text: 'And now?' },
        ],
      },
    ],
    inferenceConfig: { maxTokens: 100, temperature: 0.5, topP: 0.9, stopSequences: ['END'] },
    toolConfig: {
      tools: [{ toolSpec: { name: 'look', inputSchema: { json: { type: 'object' } }, strict: true } }],
      toolChoice: { tool: { name: 'look' } },
    },
    requestMetadata: { team: 'a' },
    serviceTier: { type: 'flex' },
  })
})

test('the model is in the path, whatever characters it has, and not in the body', () => {
  const arn = 'arn:aws:bedrock:eu-central-1:1:inference-profile/x'
  expect(encode(ask({}, arn)).path).toBe(
    '/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Ainference-profile%2Fx/converse',
  )
  const { path, headers, body } = encode(ask({}, 'amazon.nova-micro-v1:0'), true)
  expect(path).toBe('/model/amazon.nova-micro-v1%3A0/converse-stream')
  expect(headers).toEqual({ accept: 'application/vnd.amazon.eventstream' })
  expect(body).not.toHaveProperty('model')
})

test('reasoning goes back to the vendor that signed it, withheld reasoning too, and to no other', () => {
  const request = ask({
    messages: [
      message(Role.ASSISTANT, [signed('mine', 'bedrock'), signed('', 'bedrock', true), signed('other', 'acme')]),
    ],
  })
  const { body, dropped } = encode(request)
  expect(body['messages']).toEqual([
    {
      role: 'assistant',
      content: [
        { reasoningContent: { reasoningText: { text: 'mine', signature: 'c2ln' } } },
        { reasoningContent: { redactedContent: 'c2ln' } },
      ],
    },
  ])
  expect(dropped).toEqual(['messages[0].parts[2]'])
})

test('ids of calls that Converse refuses are replaced, the same for the call and its result', () => {
  const request = ask({
    messages: [
      message(Role.ASSISTANT, [calling('functions.add:0', 'add', '')]),
      message(Role.TOOL, [toolResult('functions.add:0', [])]),
    ],
  })
  const [call, result] = asList(encode(request).body['messages']).map((one) => asList(asMap(one)?.['content'])[0])
  const id = asText(asMap(asMap(call)?.['toolUse'])?.['toolUseId'])
  expect(id).toMatch(/^[\w-]{1,64}$/)
  expect(result).toMatchObject({ toolResult: { toolUseId: id, content: [], status: 'success' } })
})

test('what Converse has no place for is named', () => {
  const request = ask({
    messages: [
      message(Role.USER, [linkedImage('https://example.com/a.png', '', 'x'), textPart('?')], 'ann'),
      message(Role.ASSISTANT, [calling('a', 'cut', '{"x": "unfin')]),
    ],
    seed: 1n,
    user: 'u',
    parallelToolCalls: false,
    responseFormat: {
      $typeName: 'switchyard.v1.ResponseFormat',
      kind: { case: 'jsonObject', value: { $typeName: 'switchyard.v1.JsonObjectFormat' } },
    },
  })
  expect(encode(request).dropped.toSorted()).toEqual(
    [
      'messages[0].name',
      'messages[0].parts[0]',
      'messages[1].parts[0].arguments_json',
      'parallel_tool_calls',
      'response_format',
      'seed',
      'user',
    ].toSorted(),
  )
})

test('a choice among several tools shows only those; none shows none, unless there were calls', () => {
  const tools = [tool('a'), tool('b'), tool('c')]
  const names = (body: JsonMap): unknown[] =>
    asList(asMap(body['toolConfig'])?.['tools']).map((one) => asMap(asMap(one)?.['toolSpec'])?.['name'])
  const allowed = encode(ask({ tools, toolChoice: choose(Mode.ALLOWED, 'a', 'c') })).body
  expect([names(allowed), asMap(allowed['toolConfig'])?.['toolChoice']]).toEqual([['a', 'c'], { auto: {} }])
  const named = encode(ask({ tools, toolChoice: choose(Mode.NAMED, 'a', 'b') })).body
  expect([names(named), asMap(named['toolConfig'])?.['toolChoice']]).toEqual([['a', 'b'], { any: {} }])
  expect(encode(ask({ tools, toolChoice: choose(Mode.NONE) })).body).not.toHaveProperty('toolConfig')
  const called = [message(Role.ASSISTANT, [calling('x', 'a', '{}')])]
  const after = encode(ask({ tools, toolChoice: choose(Mode.NONE), messages: called }))
  expect([names(after.body).length, after.dropped]).toEqual([3, ['tool_choice']])
})

describe('what each family spells in its own way', () => {
  test.each([
    [
      'us.anthropic.claude-sonnet-5',
      reason({ budgetTokens: 2000 }),
      { thinking: { type: 'enabled', budget_tokens: 2000 } },
    ],
    [
      'us.anthropic.claude-sonnet-5',
      reason({ effort: 'high' }),
      { thinking: { type: 'enabled', budget_tokens: 8191 } },
    ],
    ['us.anthropic.claude-sonnet-5', reason({ effort: 'none' }), { thinking: { type: 'disabled' } }],
    ['openai.gpt-oss-120b-1:0', reason({ effort: 'low' }), { reasoning_effort: 'low' }],
    [
      'us.amazon.nova-2-lite-v1:0',
      reason({ effort: 'xhigh' }),
      { reasoningConfig: { type: 'enabled', maxReasoningEffort: 'high' } },
    ],
  ])('%s reasons with %j', (model, reasoning, fields) => {
    const { body, dropped } = encode(ask({ reasoning, maxOutputTokens: 8192 }, model))
    expect([body['additionalModelRequestFields'], dropped]).toEqual([fields, []])
  })

  test('a family without a word for reasoning has it named', () => {
    expect(encode(ask({ reasoning: reason({ effort: 'low' }) }, 'meta.llama3-70b')).dropped).toEqual([
      'reasoning.effort',
    ])
  })

  test('top_k', () => {
    expect(encode(ask({ topK: 5 })).body['additionalModelRequestFields']).toEqual({ top_k: 5 })
    expect(encode(ask({ topK: 5 }, 'amazon.nova-pro-v1:0')).body['additionalModelRequestFields']).toEqual({
      inferenceConfig: { topK: 5 },
    })
  })
})

test.each(['.', '..'])('the model %j is refused: it would be another path', (model) => {
  expect(() => encode(ask({}, model))).toThrow('is no model name')
  expect(encode(ask({}, 'a/../b')).path).toBe('/model/a%2F..%2Fb/converse')
})
