import { describe, expect, test } from 'vitest'
import { parseBody } from '../json.ts'
import { openaiClient } from './client.ts'
import { decodeRequest } from './decode-request.ts'

type Body = Record<string, unknown>

const user = (...content: Body[]) => ({ messages: [{ role: 'user', content }] })

/** What is left of a request after both halves, without its source, and what is named as lost. */
function again(body: Body): { readonly body: Body; readonly lost: readonly string[] } {
  const { request } = decodeRequest(parseBody(JSON.stringify({ model: 'm', ...body }), true))
  const { source, ...bare } = request
  const { body: text, dropped } = openaiClient.encodeChat(bare, false, openaiClient.defaults)
  return { body: JSON.parse(text) as Body, lost: [...(source?.untranslated ?? []), ...dropped] }
}

describe('without its source, a request keeps', () => {
  const hint = (ttl: string) => ({ type: 'ephemeral', ttl })
  test.each<readonly [string, Body]>([
    ['how long its parts are cached', user({ type: 'text', text: 'hi', cache_control: hint('5m') })],
    ['a hint without a lifetime', user({ type: 'text', text: 'hi', cache_control: { type: 'ephemeral' } })],
    [
      'how long its tools are cached',
      {
        ...user({ type: 'text', text: 'a' }, { type: 'text', text: 'b' }),
        tools: [
          { type: 'function', function: { name: 'f' }, cache_control: hint('1h') },
          { type: 'custom', custom: { name: 'c' }, cache_control: hint('5m') },
        ],
      },
    ],
    ['a result that does not say whose it is', { messages: [{ role: 'tool', content: 'sunny' }] }],
    [
      'the voice it wants alone',
      { ...user({ type: 'text', text: 'a' }, { type: 'text', text: 'b' }), audio: { voice: 'ash' } },
    ],
  ])('%s', (_what, body) => {
    expect(again(body)).toEqual({ body: { model: 'm', ...body }, lost: [] })
  })
})

test('what has no field of the contract is named, wherever it stands', () => {
  const call = { id: 'c', type: 'function', index: 0, function: { name: 'f', arguments: '{}', parsed: {} } }
  const { lost } = again({
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a', mood: 'gay' },
          { type: 'image_url', image_url: { url: 'https://a.example/a.png', width: 1 } },
          { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav', rate: 8000 } },
          { type: 'file', file: { file_id: 'f', file_data: 'AAAA', size: 3 } },
        ],
      },
      { role: 'assistant', content: 'b', reasoning: 'so', reasoning_content: 'hm', tool_calls: [call] },
    ],
    tools: [
      { type: 'function', rank: 1, function: { name: 'f', examples: [] } },
      { type: 'custom', custom: { name: 'c', examples: [] } },
    ],
    functions: [{ name: 'g', examples: [] }],
    response_format: { type: 'json_schema', mode: 1, json_schema: { name: 'n', version: 2 } },
    audio: { format: 'wav', speed: 2 },
    stream_options: { include_usage: true, include_obfuscation: false },
  })
  expect([...new Set(lost)].toSorted()).toEqual([
    'audio.speed',
    'functions[0].examples',
    'messages[0].content[0].mood',
    'messages[0].content[1].image_url.width',
    'messages[0].content[2].input_audio.rate',
    'messages[0].content[3].file.file_data',
    'messages[0].content[3].file.size',
    'messages[1].reasoning',
    'messages[1].tool_calls[0].function.parsed',
    'messages[1].tool_calls[0].index',
    'response_format.json_schema.version',
    'response_format.mode',
    'stream_options.include_obfuscation',
    'tools[0].function.examples',
    'tools[0].rank',
    'tools[1].custom.examples',
  ])
})

test('what vendors take by URL stays one for them, and is named for others', () => {
  const content = [
    { type: 'input_audio', input_audio: 'https://a.example/a.wav' },
    { type: 'file', file: { file_data: 'https://a.example/a.pdf', filename: 'a.pdf' } },
  ]
  const { request } = decodeRequest(parseBody(JSON.stringify({ model: 'm', ...user(...content) }), true))
  const { source: _source, ...bare } = request
  const encode = (linked: readonly ('audio' | 'file')[]) =>
    openaiClient.encodeChat(bare, false, { ...openaiClient.defaults, linked })
  expect(JSON.parse(encode(['audio', 'file']).body)).toMatchObject(user(...content))
  expect(encode(['audio', 'file']).dropped).toEqual([])
  expect(encode([]).dropped).toEqual(['messages[0].parts[0]', 'messages[0].parts[1]'])
})
