import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Role, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { emptyChatRequest } from '../../model/request.ts'
import { parseBody } from '../json.ts'
import { calling, message, part, reasoningPart, textPart, toolResult } from '../parts.ts'
import { anthropicClient } from './client.ts'
import { decodeRequest } from './decode-request.ts'
import { signatureOf } from './signatures.ts'

const facts = { header: () => undefined }
const own = (value: string) => signatureOf('anthropic', value)

describe('a request of another format', () => {
  const encode = (change: (request: ReturnType<typeof emptyChatRequest>) => void, model = 'claude-haiku-4-5') => {
    const request = emptyChatRequest(model)
    request.messages = [message(Role.USER, [textPart('hi')])]
    change(request)
    const { body, dropped } = anthropicClient.encodeChat(request, false, anthropicClient.defaults)
    return { body: JSON.parse(body) as Record<string, unknown>, dropped }
  }

  test('has its instructions apart, and what tools answered in one message of the user', () => {
    const { body, dropped } = encode((request) => {
      request.messages = [
        message(Role.SYSTEM, [textPart('Be brief.')]),
        message(Role.DEVELOPER, [textPart('And kind.')]),
        message(Role.USER, [textPart('hi')]),
        message(Role.ASSISTANT, [reasoningPart('hm'), calling('c0', 'one', ''), calling('c1', 'two', '{"cut":')]),
        message(Role.TOOL, [toolResult('c0', [textPart('1')])]),
        message(Role.TOOL, [toolResult('c1', [textPart('no')], true)]),
        message(Role.USER, [textPart('so?')]),
      ]
    })
    expect(body['system']).toEqual([
      { type: 'text', text: 'Be brief.' },
      { type: 'text', text: 'And kind.' },
    ])
    expect(body['messages']).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'hi' }] },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'c0', name: 'one', input: {} },
          { type: 'tool_use', id: 'c1', name: 'two', input: { INVALID_JSON: '{"cut":' } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'c0', content: '1' },
          { type: 'tool_result', tool_use_id: 'c1', content: 'no', is_error: true },
          { type: 'text', text: 'so?' },
        ],
      },
    ])
    expect(body['max_tokens']).toBe(4096)
    expect(dropped).toEqual(['messages[3].parts[0]'])
  })

  test.for([
    ['claude-haiku-4-5', 'low', { type: 'enabled', budget_tokens: 2048 }, undefined],
    ['claude-sonnet-4-20250514', 'medium', { type: 'enabled', budget_tokens: 8192 }, undefined],
    ['claude-opus-4-6', 'high', { type: 'adaptive' }, 'high'],
    ['claude-sonnet-5', 'minimal', { type: 'adaptive' }, 'low'],
    ['claude-sonnet-5', 'none', { type: 'disabled' }, undefined],
  ] as const)('asks %s to think with effort %s in the terms it knows', ([model, effort, thinking, word_]) => {
    const { body } = encode((request) => {
      request.reasoning = { $typeName: 'switchyard.v1.ReasoningOptions', effort }
    }, model)
    expect(body['thinking']).toEqual(thinking)
    expect((body['output_config'] as { effort?: string } | undefined)?.effort).toBe(word_)
  })

  test.for([
    [0, { type: 'disabled' }, []],
    [500, { type: 'enabled', budget_tokens: 1024 }, ['reasoning.budget_tokens']],
    [3000, { type: 'enabled', budget_tokens: 3000 }, []],
  ] as const)('takes a budget of %d for what the format can say of it', ([budgetTokens, thinking, lost]) => {
    const { body, dropped } = encode((request) => {
      request.reasoning = { $typeName: 'switchyard.v1.ReasoningOptions', budgetTokens }
    })
    expect([body['thinking'], dropped]).toEqual([thinking, lost])
  })

  test('lets a newer model think as it likes beside a tool that it must call, and no older one', () => {
    const forced = (model: string) =>
      encode((request) => {
        request.reasoning = { $typeName: 'switchyard.v1.ReasoningOptions', effort: 'high' }
        request.toolChoice = { $typeName: 'switchyard.v1.ToolChoice', mode: Mode.REQUIRED, names: [] }
      }, model)
    expect(forced('claude-opus-4-6').body['thinking']).toEqual({ type: 'adaptive' })
    expect(forced('claude-opus-4-1').body['thinking']).toBeUndefined()
    expect(forced('claude-opus-4-1').dropped).toEqual(['reasoning.effort'])
  })

  test('has instructions amid the conversation where they stand, for models that take them, and at places where they may be', () => {
    const asked = (model: string) =>
      encode((request) => {
        request.messages = [
          message(Role.SYSTEM, [textPart('first')]),
          message(Role.USER, [textPart('hi')]),
          message(Role.SYSTEM, [textPart('amid')]),
          message(Role.DEVELOPER, [textPart('too')]),
          message(Role.ASSISTANT, [textPart('so')]),
          message(Role.SYSTEM, [textPart('after an answer')]),
          message(Role.USER, [textPart('and?')]),
          message(Role.SYSTEM, [textPart('last')]),
        ]
      }, model).body
    const [roles, before] = [
      ({ messages }: Record<string, unknown>) => (messages as { role: string }[]).map(({ role }) => role),
      ({ system }: Record<string, unknown>) => (system as { text: string }[]).map(({ text }) => text),
    ]
    const newer = asked('claude-opus-4-8')
    expect(roles(newer)).toEqual(['user', 'system', 'assistant', 'user', 'system'])
    expect(before(newer)).toEqual(['first', 'after an answer'])
    const older = asked('claude-sonnet-4-6')
    expect(roles(older)).toEqual(['user', 'assistant', 'user'])
    expect(before(older)).toEqual(['first', 'amid', 'too', 'after an answer', 'last'])
  })

  test('has all instructions before the conversation where the provider takes no others', () => {
    const request = emptyChatRequest('claude-opus-4-8')
    request.messages = [message(Role.USER, [textPart('hi')]), message(Role.SYSTEM, [textPart('amid')])]
    const options = { ...anthropicClient.defaults, instructionsInPlace: false }
    const { body } = anthropicClient.encodeChat(request, false, options)
    expect(JSON.parse(body)).toMatchObject({ system: [{ type: 'text', text: 'amid' }], messages: [{ role: 'user' }] })
  })

  test('leaves thinking out where there is no room for it, and says so', () => {
    const { body, dropped } = encode((request) => {
      request.reasoning = { $typeName: 'switchyard.v1.ReasoningOptions', effort: 'high' }
      request.maxOutputTokens = 500
    })
    expect(body).toMatchObject({ max_tokens: 500 })
    expect(body['thinking']).toBeUndefined()
    expect(dropped).toEqual(['reasoning.effort'])
  })

  test('does not ask a model that wants a budget to think on after calls it made without thinking', () => {
    const looped = (signed: boolean) =>
      encode((request) => {
        const value = { $typeName: 'switchyard.v1.Reasoning' as const, text: 'hm', redacted: false }
        const thought = part({ case: 'reasoning', value: signed ? { ...value, signature: own('s') } : value })
        request.reasoning = { $typeName: 'switchyard.v1.ReasoningOptions', effort: 'low' }
        request.messages.push(
          message(Role.ASSISTANT, [thought, calling('c0', 'one', '{}')]),
          message(Role.TOOL, [toolResult('c0', [textPart('1')])]),
        )
      })
    expect(looped(true).body['thinking']).toEqual({ type: 'enabled', budget_tokens: 2048 })
    expect(looped(false).body['thinking']).toBeUndefined()
    expect(looped(false).dropped).toContain('reasoning.effort')
  })

  test('names what the format has no field for', () => {
    const { dropped } = encode((request) => {
      request.seed = 1n
      request.verbosity = 'low'
      request.serviceTier = 'flex'
      request.toolChoice = { $typeName: 'switchyard.v1.ToolChoice', mode: Mode.ALLOWED, names: ['one'] }
      request.tools = [
        {
          $typeName: 'switchyard.v1.Tool',
          kind: { case: 'function', value: { $typeName: 'switchyard.v1.FunctionTool', name: 'one', description: '' } },
        },
      ]
    })
    expect(new Set(dropped)).toEqual(new Set(['seed', 'verbosity', 'service_tier', 'tool_choice.names']))
  })
})

describe('a request of this format', () => {
  const blocks: Record<string, unknown>[] = [
    { type: 'text', text: 'hi', cache_control: { type: 'ephemeral', ttl: '1h' } },
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
    { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
    { type: 'image', source: { type: 'file', file_id: 'file_1' } },
    { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AAAA' }, title: 'A' },
    { type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } },
    { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'words' } },
    { type: 'document', source: { type: 'content', content: 'words' } },
    { type: 'search_result', source: 'https://example.com', title: 'A', content: [{ type: 'text', text: 'x' }] },
    {
      type: 'tool_use',
      id: 'c0',
      name: 'one',
      input: { a: 1 },
      caller: { type: 'code_execution_20250825', tool_id: 's' },
    },
    { type: 'thinking', thinking: '', signature: 'sig' },
    { type: 'redacted_thinking', data: 'opaque' },
    { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'x' } },
    { type: 'web_search_tool_result', tool_use_id: 's', content: [], cache_control: { type: 'ephemeral' } },
    {
      type: 'tool_result',
      tool_use_id: 'c0',
      is_error: true,
      content: [{ type: 'image', source: { type: 'url', url: 'https://e.com/' } }],
    },
  ]
  const again = (content: unknown, role: string): unknown => {
    const body = { model: 'claude-haiku-4-5', max_tokens: 1, messages: [{ role, content }] }
    const { source: _source, ...request } = decodeRequest(parseBody(JSON.stringify(body), true), facts).request
    const encoded = anthropicClient.encodeChat({ ...request }, false, anthropicClient.defaults)
    expect(encoded.dropped).toEqual([])
    return (JSON.parse(encoded.body) as { messages: { content: unknown }[] }).messages[0]?.content
  }

  test.for(blocks.map((block) => [String(block['type']), block] as const))('keeps a block of %s', ([type, block]) => {
    const role = type === 'tool_result' || type === 'image' || type === 'document' ? 'user' : 'assistant'
    expect(again([block], role)).toEqual([block])
  })

  test('keeps any order of blocks', () => {
    const some = fc
      .subarray(blocks.slice(9, 14), { minLength: 1 })
      .chain((chosen) => fc.shuffledSubarray(chosen, { minLength: 1 }))
    fc.assert(
      fc.property(some, (content) => {
        expect(again(content, 'assistant')).toEqual(content)
      }),
    )
  })

  test('is refused with the name of the field that is wrong', () => {
    const wrong = (change: object): (() => unknown) => {
      const body = { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'hi' }], ...change }
      return () => decodeRequest(parseBody(JSON.stringify(body), true), facts)
    }
    expect(wrong({ max_tokens: undefined })).toThrow('max_tokens is required')
    expect(wrong({ max_tokens: 0 })).toThrow('max_tokens')
    expect(wrong({ temperature: 'hot' })).toThrow('temperature')
    expect(wrong({ tools: [{ input_schema: {} }] })).toThrow('tools[0].name is required')
    const cited = (citations: unknown) =>
      wrong({ messages: [{ role: 'user', content: [{ type: 'text', text: 'hi', citations }] }] })
    expect(cited([null])).toThrow('messages[0].content[0].citations[0] must be an object')
    expect(cited({ enabled: true })).toThrow('messages[0].content[0].citations must be a list')
    expect(wrong({ messages: [{ role: 'user', content: [{ type: 'image' }] }] })).toThrow(
      'messages[0].content[0].source',
    )
    expect(wrong({ messages: [{ role: 'user', content: [{ type: 'tool_result' }] }] })).toThrow(
      'tool_use_id is required',
    )
  })

  test('carries its version and betas, and names the betas for providers of another format', () => {
    const headers: Record<string, string> = {
      'anthropic-version': '2026-10-21',
      'anthropic-beta': 'a',
      authorization: 'x',
    }
    const body = parseBody('{"max_tokens":1,"messages":[{"role":"user","content":"hi"}],"model":"m"}', true)
    const { request } = decodeRequest(body, { header: (name) => headers[name] })
    expect(request.source?.headers).toEqual({ 'anthropic-version': '2026-10-21', 'anthropic-beta': 'a' })
    expect(request.source?.untranslated).toEqual(['anthropic-beta'])
    const encoded = anthropicClient.encodeChat({ ...request, model: 'n' }, false, anthropicClient.defaults)
    expect(encoded.headers).toEqual({ 'anthropic-version': '2026-10-21', 'anthropic-beta': 'a' })
    expect(encoded.body).toBe('{"max_tokens":1,"messages":[{"role":"user","content":"hi"}],"model":"n"}')
  })
})

test('reasoning that nobody signed stays behind, unless the vendor takes it, and all else is as it was', () => {
  const content = '[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"yes"}]'
  const text = `{"model":"m","max_tokens": 1.0,"messages":[{"role":"assistant","content":${content}}]}`
  const { request } = decodeRequest(parseBody(text, true), facts)
  const strict = anthropicClient.encodeChat(request, false, anthropicClient.defaults)
  expect(strict.dropped).toEqual(['messages[0].content[0]'])
  expect(strict.body).not.toContain('hm')
  const lenient = anthropicClient.encodeChat(request, false, { ...anthropicClient.defaults, unsignedReasoning: true })
  expect(lenient).toMatchObject({ dropped: [], body: text })
})

test('a count leaves out what the counting endpoint refuses', () => {
  const body = { model: 'm', max_tokens: 1, temperature: 1, messages: [{ role: 'user', content: 'hi' }] }
  const { request } = decodeRequest(parseBody(JSON.stringify(body), true), facts)
  const encoded = anthropicClient.count?.encodeCount(request, anthropicClient.defaults)
  expect(JSON.parse(encoded?.body ?? '')).toEqual({ model: 'm', messages: body.messages })
})
