import { describe, expect, test } from 'vitest'
import { asList, asMap, asText, type JsonMap, readCases } from '../../../test/wire/case.ts'
import { type ChatRequest, type Part, Role, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { emptyChatRequest } from '../../model/request.ts'
import { calling, inlineImage, linkedImage, message, reasoningPart, textPart, toolResult } from '../parts.ts'
import { encodeRequest } from './encode-request.ts'

const encode = (request: ChatRequest, streaming = false) => {
  const encoded = encodeRequest(request, streaming)
  return { ...encoded, body: JSON.parse(encoded.body) as JsonMap }
}
const ask = (fields: Partial<ChatRequest>): ChatRequest => ({
  ...emptyChatRequest('command-a-03-2025'),
  messages: [message(Role.USER, [textPart('Hi')])],
  ...fields,
})
const tool = (
  name: string,
  description = '',
  parameters: object = { type: 'object' },
): ChatRequest['tools'][number] => ({
  $typeName: 'switchyard.v1.Tool',
  kind: {
    case: 'function',
    value: { $typeName: 'switchyard.v1.FunctionTool', name, description, parameters: parameters as never },
  },
})
const choose = (mode: Mode, ...names: string[]): ChatRequest['toolChoice'] => ({
  $typeName: 'switchyard.v1.ToolChoice',
  mode,
  names,
})

test('texts, images, calls and results take the documented shapes', () => {
  const request = ask({
    messages: [
      message(Role.DEVELOPER, [textPart('Be brief.')]),
      message(Role.USER, [textPart('Look'), inlineImage('aGk=', 'image/png', 'x', 'low')]),
      message(Role.ASSISTANT, [
        reasoningPart('I will look.'),
        calling('a', 'look', '{"at":1}'),
        calling('b', 'now', ''),
      ]),
      message(Role.TOOL, [toolResult('a', [textPart('nothing'), textPart('at all')])]),
      message(Role.TOOL, [toolResult('b', [])]),
      message(Role.ASSISTANT, [reasoningPart('So.'), textPart('Nothing.')]),
    ],
    maxOutputTokens: 100,
    temperature: 0.5,
    topP: 1,
    topK: 4,
    seed: 7n,
    stop: ['END'],
    presencePenalty: 0.1,
    frequencyPenalty: 0.2,
    tools: [tool('look'), tool('now')],
    toolChoice: choose(Mode.REQUIRED),
  })
  const { body, dropped } = encode(request, true)
  expect(dropped).toEqual([])
  expect(body).toEqual({
    model: 'command-a-03-2025',
    messages: [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=', detail: 'low' } },
        ],
      },
      {
        role: 'assistant',
        tool_plan: 'I will look.',
        tool_calls: [
          { id: 'a', type: 'function', function: { name: 'look', arguments: '{"at":1}' } },
          { id: 'b', type: 'function', function: { name: 'now', arguments: '{}' } },
        ],
      },
      {
        role: 'tool',
        tool_call_id: 'a',
        content: [
          { type: 'document', document: { data: 'nothing' } },
          { type: 'document', document: { data: 'at all' } },
        ],
      },
      { role: 'tool', tool_call_id: 'b', content: '' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'So.' },
          { type: 'text', text: 'Nothing.' },
        ],
      },
    ],
    tools: [
      { type: 'function', function: { name: 'look', parameters: { type: 'object' } } },
      { type: 'function', function: { name: 'now', parameters: { type: 'object' } } },
    ],
    tool_choice: 'REQUIRED',
    max_tokens: 100,
    temperature: 0.5,
    p: 0.99,
    k: 4,
    seed: 7,
    stop_sequences: ['END'],
    presence_penalty: 0.1,
    frequency_penalty: 0.2,
    stream: true,
  })
})

test('a named tool is the only one shown, and must be called; none may be called by its word', () => {
  const tools = [tool('a'), tool('b')]
  const named = encode(ask({ tools, toolChoice: choose(Mode.NAMED, 'b') })).body
  expect([asList(named['tools']).length, named['tool_choice']]).toEqual([1, 'REQUIRED'])
  expect(encode(ask({ tools, toolChoice: choose(Mode.NONE) })).body['tool_choice']).toBe('NONE')
})

test('what the format has no place for is named', () => {
  const request = ask({
    messages: [message(Role.TOOL, [toolResult('a', [inlineImage('aGk=', 'image/png', 'x')], true)])],
    user: 'u',
    parallelToolCalls: false,
    reasoning: { $typeName: 'switchyard.v1.ReasoningOptions', effort: 'high' },
  })
  const { body, dropped } = encode(request)
  expect(dropped.toSorted()).toEqual(
    [
      'messages[0].parts[0].is_error',
      'messages[0].parts[0].parts[0]',
      'parallel_tool_calls',
      'reasoning.effort',
      'user',
    ].toSorted(),
  )
  expect(body['thinking']).toEqual({ type: 'enabled' })
})

describe('recorded requests, read into a canonical one and written again', () => {
  const cases = readCases(`${import.meta.dirname}/../../../test/wire/cases/cohere-chat`).flatMap((wireCase) => {
    const body = asMap(wireCase.request?.body)
    return body === undefined || body['messages'] === undefined ? [] : [[wireCase.id, body] as const]
  })

  test('are all those of version 2 that were recorded', () => expect(cases.length).toBe(5))

  test.each(cases)('%s', (_id, recorded) => {
    const { body, dropped } = encode(readRecorded(recorded), recorded['stream'] === true)
    expect(dropped).toEqual([])
    expect(body).toEqual(plain(recorded))
  })
})

/** One text may be a string or a block, an empty one may be left out, and a document is what it says. */
function plain(recorded: JsonMap): JsonMap {
  const { documents: _none, ...body } = recorded
  const messages = asList(body['messages']).map((one) => {
    const { content, ...rest } = asMap(one) ?? {}
    const blocks = asList(content).map((block) => asMap(block) ?? {})
    const [only] = blocks
    if (rest['role'] === 'tool') {
      const data = asMap(only?.['document'])?.['data'] ?? null
      return { ...rest, content: [{ type: 'document', document: { data: JSON.stringify(data) } }] }
    }
    if (blocks.length !== 1 || only?.['type'] !== 'text') return { ...rest, content: content ?? null }
    return only['text'] === '' ? rest : { ...rest, content: only['text'] ?? null }
  })
  return { ...body, messages }
}

/** The canonical request that a recorded one means, as far as the recordings go. */
function readRecorded(body: JsonMap): ChatRequest {
  const roles: Record<string, Role> = {
    system: Role.SYSTEM,
    user: Role.USER,
    assistant: Role.ASSISTANT,
    tool: Role.TOOL,
  }
  return {
    ...emptyChatRequest(asText(body['model'])),
    messages: asList(body['messages']).map((one) => {
      const map = asMap(one) ?? {}
      const calls = asList(map['tool_calls']).map((call) => {
        const called = asMap(asMap(call)?.['function']) ?? {}
        return calling(asText(asMap(call)?.['id']), asText(called['name']), asText(called['arguments']))
      })
      const said = readContent(map['content'])
      const answered = map['tool_call_id']
      const parts = typeof answered === 'string' ? [toolResult(answered, said)] : [...said, ...calls]
      return message(roles[asText(map['role'])] ?? Role.USER, parts)
    }),
    ...(typeof body['max_tokens'] === 'number' && { maxOutputTokens: body['max_tokens'] }),
    tools: asList(body['tools']).map((one) => {
      const called = asMap(asMap(one)?.['function']) ?? {}
      return tool(asText(called['name']), asText(called['description']), asMap(called['parameters']))
    }),
  }
}

function readContent(content: unknown): Part[] {
  if (typeof content === 'string') return [textPart(content)]
  return asList(content).flatMap((block) => {
    const map = asMap(block) ?? {}
    if (map['type'] === 'image_url') {
      const { url, detail } = asMap(map['image_url']) ?? {}
      return [linkedImage(asText(url), asText(detail), 'x')]
    }
    const document = asMap(map['document'])
    if (document !== undefined) return [textPart(JSON.stringify(document['data']))]
    return map['text'] === '' ? [] : [textPart(asText(map['text']))]
  })
}
