import { toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ChatRequestSchema, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { GatewayError } from '../../error/index.ts'
import { parseBody } from '../json.ts'
import { decodeRequest } from './decode-request.ts'

/** A request that has a little of everything. */
const body = {
  model: 'm',
  messages: [
    { role: 'system', content: 'be brief', name: 'n' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'hi', cache_control: { type: 'ephemeral', ttl: '1h' } },
        { type: 'image_url', image_url: { url: 'https://example.com/x.png', detail: 'low' } },
        { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
        { type: 'file', file: { file_id: 'f', file_data: 'AAAA', filename: 'x' } },
      ],
    },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 't', type: 'function', function: { name: 'f', arguments: '{}' } }],
      audio: { id: 'a' },
      refusal: 'no',
      reasoning_content: 'hm',
    },
    { role: 'tool', tool_call_id: 't', content: 'ok' },
  ],
  tools: [
    { type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' }, strict: true } },
    { type: 'custom', custom: { name: 'c', format: { type: 'text' } } },
  ],
  tool_choice: { type: 'function', function: { name: 'f' } },
  response_format: { type: 'json_schema', json_schema: { name: 's', schema: { type: 'object' } } },
  functions: [{ name: 'g' }],
  function_call: 'auto',
  max_tokens: 5,
  max_completion_tokens: 6,
  temperature: 1,
  top_p: 0.5,
  top_k: 3,
  n: 2,
  seed: 7,
  stop: ['x'],
  logit_bias: { 50256: -100 },
  metadata: { a: 'b' },
  modalities: ['text'],
  audio: { format: 'wav', voice: 'v' },
  prediction: { type: 'content', content: 'x' },
  reasoning_effort: 'low',
  stream: true,
  stream_options: { include_usage: true },
  unknown_to_us: { deep: [1, 2] },
}

function pathsOf(value: unknown, at: readonly string[] = []): string[][] {
  if (value === null || typeof value !== 'object') return [[...at]]
  return [[...at], ...Object.entries(value).flatMap(([key, member]) => pathsOf(member, [...at, key]))]
}

function replaced(value: unknown, [step, ...rest]: readonly string[], by: unknown): unknown {
  if (step === undefined) return by
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) }
  return Object.assign(copy, { [step]: replaced((value as Record<string, unknown>)[step], rest, by) })
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    [],
    {},
    [null],
    0,
    -1,
    1.5,
    1e300,
    2 ** 53,
    '',
    'x',
    'constructor',
    'toString',
    true,
    false,
    [0],
    ['x'],
    { type: 'text' },
    { type: 'constructor' },
    'data:,',
    'data:;base64,====',
    'http://',
  ),
  fc.jsonValue({ maxDepth: 2 }),
)

test('a good body becomes a message that can be sent', () => {
  const { request, streaming, includeUsage } = decodeRequest(parseBody(JSON.stringify(body), true))
  expect([streaming, includeUsage, request.source?.untranslated]).toEqual([
    true,
    true,
    ['unknown_to_us', 'messages[1].content[3].file.file_data'],
  ])
  toBinary(ChatRequestSchema, request)
})

test.each([
  [{ type: 'function', function: { name: 'f' } }, Mode.NAMED, ['f']],
  [{ type: 'tool', name: 'f' }, Mode.NAMED, ['f']],
  [{ type: 'function', name: 'f' }, Mode.NAMED, ['f']],
  [{ type: 'auto' }, Mode.AUTO, []],
])('the choice of tools %j is understood', (choice, mode, names) => {
  const { request } = decodeRequest(parseBody(JSON.stringify({ ...body, tool_choice: choice }), true))
  expect(request.toolChoice).toMatchObject({ mode, names })
})

test('audio is read from an object, and from the bare string that some vendors take', () => {
  const content = [
    'AAAA',
    'data:audio/mp3;base64,AAAA',
    'https://example.com/a.mp3',
    { data: 'AAAA', format: 'flac' },
  ].map((audio) => ({ type: 'input_audio', input_audio: audio }))
  const text = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] })
  const { parts = [] } = decodeRequest(parseBody(text, true)).request.messages[0] ?? {}
  const heard = parts.map(({ kind }) => kind.case === 'audio' && [kind.value.source.case, kind.value.mediaType])
  expect(heard).toEqual([
    ['data', 'audio/wav'],
    ['data', 'audio/mp3'],
    ['url', ''],
    ['data', 'audio/flac'],
  ])
})

test('a file is read from its bytes, and from the URL that some vendors take in their place', () => {
  const content = ['data:application/pdf;base64,AAAA', 'https://example.com/a.pdf'].map((data) => ({
    type: 'file',
    file: { file_data: data, filename: 'a.pdf' },
  }))
  const text = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] })
  const { parts = [] } = decodeRequest(parseBody(text, true)).request.messages[0] ?? {}
  expect(parts.map(({ kind }) => kind.case === 'file' && kind.value.source.case)).toEqual(['data', 'url'])
})

describe('any body', () => {
  test('becomes a message that can be sent, or is refused by the name of a field', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...pathsOf(body)), odd), { minLength: 1, maxLength: 2 }),
        (changes) => {
          let value: unknown = body
          for (const [path, by] of changes) {
            try {
              value = replaced(value, path, by)
            } catch {
              // What stood there is gone by an earlier change.
            }
          }
          try {
            const { request } = decodeRequest(parseBody(JSON.stringify(value), true))
            toBinary(ChatRequestSchema, request)
          } catch (error) {
            expect(error).toBeInstanceOf(GatewayError)
            if (error instanceof GatewayError) expect(error.reason).toBe('invalid_request')
          }
        },
      ),
      { numRuns: 3000 },
    )
  })

  test.each(['constructor', 'toString', '__proto__', 'always', ''])(
    'may not have "%s" as its choice of tools',
    (choice) => {
      const text = JSON.stringify({ ...body, tool_choice: choice })
      expect(() => decodeRequest(parseBody(text, true))).toThrow(
        expect.objectContaining({ details: expect.objectContaining({ param: 'tool_choice' }) as object }),
      )
    },
  )
})
