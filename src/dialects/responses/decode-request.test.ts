import { describe, expect, test } from 'vitest'
import { Role, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { parseBody } from '../json.ts'
import { responsesClient } from './client.ts'
import { decodeRequest } from './decode-request.ts'

const decode = (body: object) => decodeRequest(parseBody(JSON.stringify({ model: 'one', ...body }), true)).request

function again(body: object): Record<string, unknown> {
  const request = decode(body)
  delete request.source
  return JSON.parse(responsesClient.encodeChat(request, false, responsesClient.defaults).body) as Record<
    string,
    unknown
  >
}

describe('input', () => {
  test('as a string is what the user says', () => {
    const { messages } = decode({ input: 'Hello', instructions: 'Be kind.' })
    expect(messages.map(({ role }) => role)).toEqual([Role.SYSTEM, Role.USER])
  })

  test('may be absent only beside a prompt that the vendor keeps', () => {
    const { messages, source } = decode({ prompt: { id: 'pmpt_1', variables: { city: 'Paris' } } })
    expect([messages, source?.untranslated]).toEqual([[], ['prompt']])
    expect(() => decode({})).toThrow('input is required')
  })

  test('names what a part holds beside what is read of it', () => {
    const image = { type: 'input_image', image_url: 'https://e.com/a.png', file_id: 'f', detail: 'low' }
    const file = { type: 'input_file', filename: 'n', file_id: 'f', file_url: 'https://e.com/' }
    const words = { type: 'input_text', text: 'hi', refusal: 'no', detail: null }
    const request = decode({ input: [{ role: 'user', content: [image, file, words] }] })
    expect(request.source?.untranslated).toEqual([
      'input[0].content[0].file_id',
      'input[0].content[1].file_url',
      'input[0].content[2].refusal',
    ])
  })

  test('has reasoning that nobody sealed, for vendors that take it back, and names it for others', () => {
    const thought = { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }] }
    const { source: _source, ...request } = decode({ input: [{ role: 'user', content: 'Hello' }, thought] })
    const encode = (unsignedReasoning: boolean) =>
      responsesClient.encodeChat(request, false, { ...responsesClient.defaults, unsignedReasoning })
    expect(JSON.parse(encode(true).body)).toMatchObject({ input: [{ role: 'user' }, thought] })
    expect(encode(true).dropped).toEqual([])
    expect(JSON.parse(encode(false).body)).toMatchObject({ input: [{ role: 'user' }] })
    expect(encode(false).dropped).toEqual(['messages[1].parts[0]'])
  })

  test('joins what the model thought, said and called into one message', () => {
    const { messages } = decode({
      input: [
        { role: 'user', content: 'Hello' },
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm.' }], encrypted_content: 'gA' },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Look', annotations: [] }] },
        { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{}' },
        { type: 'web_search_call', id: 'ws_1', status: 'completed' },
        { type: 'function_call_output', call_id: 'c1', output: [{ type: 'input_text', text: 'seen' }] },
      ],
    })
    expect(messages.map(({ role, parts }) => [role, parts.map(({ kind }) => kind.case)])).toEqual([
      [Role.USER, ['text']],
      [Role.ASSISTANT, ['reasoning', 'text', 'toolCall', 'providerPart']],
      [Role.TOOL, ['toolResult']],
    ])
    expect(messages[1]?.parts[0]?.kind.value).toMatchObject({ signature: { vendor: 'openai', value: 'gA' } })
  })

  test('takes images, files and sound in every form', () => {
    const content = [
      { type: 'input_image', image_url: 'https://a.example/a.png', detail: 'low' },
      { type: 'input_image', image_url: 'data:image/png;base64,AAAA' },
      { type: 'input_image', file_id: 'file-1' },
      { type: 'input_file', file_id: 'file-2' },
      { type: 'input_file', file_url: 'https://a.example/a.pdf' },
      { type: 'input_file', file_data: 'data:application/pdf;base64,AAAA', filename: 'a.pdf' },
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } },
    ]
    expect(again({ input: [{ role: 'user', content }] })['input']).toEqual([{ role: 'user', content }])
  })

  test.each([
    ['input[0].call_id', { type: 'function_call', name: 'look', arguments: '{}' }],
    ['input[0].arguments', { type: 'function_call', call_id: 'c', name: 'look', arguments: {} }],
    ['input[0].role', { content: 'Hello' }],
    ['input[0].output', { type: 'function_call_output', call_id: 'c' }],
    ['input[0].content[0].image_url', { role: 'user', content: [{ type: 'input_image', image_url: 'no url' }] }],
  ])('names %s when it is wrong', (param, item) => {
    const wrong = expect.objectContaining({ reason: 'invalid_request', details: expect.objectContaining({ param }) })
    expect(() => decode({ input: [item] })).toThrow(wrong)
  })

  test('names what it does not carry', () => {
    const { source } = decode({
      input: [
        { role: 'assistant', content: 'Hm', phase: 'commentary' },
        { role: 'user', content: [{ type: 'input_hologram' }, { type: 'input_text', text: 'a', weight: 1 }] },
        { type: 'reasoning', id: 'rs_1', summary: [] },
      ],
      include: ['file_search_call.results', 'reasoning.encrypted_content'],
      truncation: 'auto',
      prompt_cache_retention: '24h',
      tool_choice: { type: 'web_search' },
      reasoning: { effort: 'low', mode: 'pro' },
      metadata: { a: 1 },
    })
    expect(source?.untranslated.toSorted()).toEqual([
      'include[0]',
      'input[0].phase',
      'input[1].content[0]',
      'input[1].content[1].weight',
      'input[2]',
      'metadata.a',
      'prompt_cache_retention',
      'reasoning.mode',
      'tool_choice',
      'truncation',
    ])
  })
})

describe('tools', () => {
  test('of every kind survive translation', () => {
    const tools = [
      { type: 'function', name: 'look', description: 'Looks.', parameters: { type: 'object' }, strict: true },
      { type: 'custom', name: 'sql', format: { type: 'grammar', syntax: 'lark', definition: 'start: "a"' } },
      { type: 'web_search', search_context_size: 'low' },
    ]
    expect(again({ input: 'Hello', tools })['tools']).toEqual(tools)
  })

  test.each([
    ['auto', { mode: Mode.AUTO, names: [] }],
    ['none', { mode: Mode.NONE, names: [] }],
    ['required', { mode: Mode.REQUIRED, names: [] }],
    [
      { type: 'function', name: 'look' },
      { mode: Mode.NAMED, names: ['look'] },
    ],
    [
      { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'look' }] },
      { mode: Mode.ALLOWED, names: ['look'] },
    ],
    [
      {
        type: 'allowed_tools',
        mode: 'required',
        tools: [
          { type: 'function', name: 'look' },
          { type: 'function', name: 'hear' },
        ],
      },
      { mode: Mode.NAMED, names: ['look', 'hear'] },
    ],
  ])('are chosen by %j, which survives translation', (choice, wanted) => {
    const body = { input: 'Hello', tool_choice: choice }
    expect(decode(body).toolChoice).toMatchObject(wanted)
    expect(again(body)['tool_choice']).toEqual(choice)
  })
})

describe('translated for this format', () => {
  test('several answers at once are refused by name', () => {
    const request = decode({ input: 'Hello' })
    delete request.source
    request.n = 2
    const refused = expect.objectContaining({ reason: 'unsupported_field', details: { param: 'n' } })
    expect(() => responsesClient.encodeChat(request, false, responsesClient.defaults)).toThrow(refused)
  })

  test('what has no field is named, and what the vendor refuses', () => {
    const request = decode({ input: 'Hello', user: 'someone', top_logprobs: 2 })
    delete request.source
    Object.assign(request, { stop: ['.'], seed: 7n, topK: 4, n: 1 })
    const options = { ...responsesClient.defaults, refuses: ['user', 'metadata'] }
    const { body, dropped } = responsesClient.encodeChat(request, false, options)
    expect(dropped.toSorted()).toEqual(['seed', 'stop', 'top_k', 'user'])
    expect(JSON.parse(body)).toEqual({
      model: 'one',
      input: [{ role: 'user', content: 'Hello' }],
      include: ['message.output_text.logprobs'],
      top_logprobs: 2,
      store: false,
    })
  })
})
