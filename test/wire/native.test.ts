import { describe, expect, test } from 'vitest'
import type { CaseResponse, WireCase } from './case.ts'
import { formatOf, isNativeStream } from './format.ts'
import { judgeNative } from './native.ts'
import { type Said, unlike } from './readers/said.ts'

function caseOf(path: string | undefined, response: Partial<CaseResponse>, method = 'POST'): WireCase {
  return {
    id: 'any/one',
    api: 'any',
    source: { repo: '', path: '', commit: '', license: '' },
    ...(path !== undefined && { request: { method, path, headers: {}, body: null } }),
    response: { status: 200, headers: {}, body: {}, ...response },
    tags: [],
  }
}

describe('the format of a recording', () => {
  test.each([
    ['/v1/messages?beta=true', 'anthropic'],
    ['/v1/projects/p/locations/l/publishers/anthropic/models/claude@1:streamRawPredict', 'anthropic'],
    ['/v1/messages/count_tokens', undefined],
    ['/v1/messages/batches', undefined],
    ['/v1beta/models/gemini:generateContent', 'gemini'],
    ['/v1/projects/p/locations/l/publishers/google/models/gemini:streamGenerateContent?alt=sse', 'gemini'],
    ['/v1beta/models/gemini:countTokens', undefined],
    ['/openai/responses?api-version=1', 'responses'],
    ['/backend-api/codex/responses', 'responses'],
    ['/v1/responses/compact', undefined],
    ['/model/maker.model-v1:0/converse-stream', 'bedrock'],
    ['/model/maker.model-v1:0/invoke', undefined],
    ['/v2/chat', 'cohere'],
    ['/v1/chat', undefined],
    ['/api/chat', 'ollama'],
    ['/v1/chat/completions', 'completions'],
    ['/v1/embeddings', undefined],
  ])('of %s is %s', (path, format) => {
    expect(formatOf(caseOf(path, {}))).toBe(format)
  })

  test.each([
    ['anthropic', { body: { type: 'message' } }],
    ['anthropic', { sse: 'data: {"type":"message_start"}\n\n' }],
    ['gemini', { body: [{ candidates: [] }] }],
    ['responses', { sse: 'data: {"type":"response.created"}\n\n' }],
    ['bedrock', { body: { stopReason: 'end_turn', output: {} } }],
    ['cohere', { sse: 'data: {"type":"message-start"}\n\n' }],
    ['ollama', { body: { done: true, message: {} } }],
    [undefined, { body: { object: 'list' } }],
  ] as const)('is %s by its answer where no path was recorded', (format, response) => {
    const { body: _body, ...blank } = caseOf(undefined, {}).response
    expect(formatOf({ ...caseOf(undefined, {}), response: { ...blank, ...response } })).toBe(format)
  })

  test('is none where the answer is still to come, or was not asked for', () => {
    expect(formatOf(caseOf('/v1/responses', { body: { object: 'response', status: 'queued' } }))).toBeUndefined()
    expect(formatOf(caseOf('/v1/responses', {}, 'GET'))).toBeUndefined()
  })

  test('is a stream by what was asked for as well as by what came', () => {
    expect(isNativeStream(caseOf('/v1beta/models/m:streamGenerateContent', { body: [] }))).toBe(true)
    expect(isNativeStream(caseOf('/model/m/converse', {}))).toBe(false)
  })
})

describe('a recording', () => {
  const start =
    'event: message_start\ndata: {"type":"message_start","message":{"content":[],"usage":{"input_tokens":1}}}\n\n'

  test('that was refused tells its fault', async () => {
    const refused = caseOf('/v1/messages', {
      status: 429,
      headers: { 'retry-after': '4' },
      body: { error: { message: 'no' } },
    })
    expect(await judgeNative(refused, 'anthropic')).toMatchObject({
      kind: 'refused',
      fault: { status: 429, retryAfter: 4 },
    })
  })

  test.each([
    ['has an error inside', `${start}event: error\ndata: {"type":"error","error":{"message":"busy"}}\n\n`, 'anthropic'],
    ['has an error that is no event', 'data: {"candidates":[]}\n\n{\n "error": {"code": 499}\n}\n', 'gemini'],
    ['has no end', 'data: {"type":"response.created","response":{}}\n\n', 'responses'],
    ['was given up', 'data: {"type":"message-end","delta":{"finish_reason":"ERROR"}}\n\n', 'cohere'],
  ] as const)('is broken when it %s', async (_why, sse, format) => {
    expect(await judgeNative(caseOf('/', { sse }), format)).toMatchObject({ kind: 'broken' })
  })
})

describe('two answers', () => {
  const said: Said = {
    text: 'It rains.',
    reasoning: 'look out',
    calls: [{ id: 'c1', name: 'look', input: { at: 'sky', for: 1 } }],
    finish: 'tool_calls',
    usage: { input: 3, output: 2, cacheRead: 1 },
  }

  test('say the same in whatever order members come, and with more between two thoughts', () => {
    const calls = [{ id: 'c1', name: 'look', input: { for: 1, at: 'sky' } }]
    expect(unlike(said, { ...said, calls, reasoning: 'look\n\nout' })).toEqual([])
  })

  test('say the same when free text is in an object', () => {
    const call = { id: 'c1', name: 'look' }
    const free = { ...said, calls: [{ ...call, input: 'up' }] }
    expect(unlike(free, { ...said, calls: [{ ...call, input: { input: 'up' } }] })).toEqual([])
  })

  test.each([
    ['text', { text: 'It rain.' }],
    ['reasoning', { reasoning: '' }],
    ['tool calls', { calls: [] }],
    ['tool calls', { calls: [{ id: 'c1', name: 'look', input: { at: 'sea', for: 1 } }] }],
    ['another id', { calls: [{ id: 'c2', name: 'look', input: { at: 'sky', for: 1 } }] }],
    ['finished', { finish: 'stop' }],
    ['usage', { usage: { input: 3, output: 2, cacheRead: 0 } }],
  ] as const)('differ in %s', (what, changed) => {
    expect(unlike(said, { ...said, ...changed }).join()).toContain(what)
  })
})
