import { describe, expect, test } from 'vitest'
import { asList, asMap, asText, type JsonMap, readCases } from '../../../test/wire/case.ts'
import { type ChatRequest, Role, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import { emptyChatRequest } from '../../model/request.ts'
import { calling, inlineImage, linkedImage, message, reasoningPart, textPart, toolResult } from '../parts.ts'
import { encodeRequest } from './encode-request.ts'

const encode = (request: ChatRequest, streaming = false) => {
  const encoded = encodeRequest(request, streaming)
  return { ...encoded, body: JSON.parse(encoded.body) as JsonMap }
}
const ask = (fields: Partial<ChatRequest>, model = 'qwen3:4b'): ChatRequest => ({
  ...emptyChatRequest(model),
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
const reason = (fields: { effort?: string; budgetTokens?: number }): ChatRequest['reasoning'] => ({
  $typeName: 'switchyard.v1.ReasoningOptions',
  ...fields,
})

test('texts, images, calls and results take the documented shapes', () => {
  const request = ask({
    messages: [
      message(Role.DEVELOPER, [textPart('Be brief.')]),
      message(Role.USER, [textPart('Look '), inlineImage('aGk=', 'image/png', 'x'), textPart('there')]),
      message(Role.ASSISTANT, [reasoningPart('hm'), calling('a', 'look', '{"at":1}'), calling('b', 'now', '')]),
      message(Role.TOOL, [toolResult('a', [textPart('nothing')]), toolResult('b', [textPart('noon')])]),
    ],
    maxOutputTokens: 100,
    temperature: 0.5,
    topP: 0.9,
    topK: 4,
    seed: 7n,
    stop: ['END'],
    presencePenalty: 0.1,
    frequencyPenalty: 0.2,
    logprobs: true,
    topLogprobs: 2,
    tools: [tool('look', 'Looks.')],
    responseFormat: {
      $typeName: 'switchyard.v1.ResponseFormat',
      kind: {
        case: 'jsonSchema',
        value: { $typeName: 'switchyard.v1.JsonSchemaFormat', name: 'n', description: '', schema: { type: 'object' } },
      },
    },
  })
  const { body, dropped, headers } = encode(request, true)
  expect(dropped).toEqual([])
  expect(headers).toEqual({ accept: 'application/x-ndjson' })
  expect(body).toEqual({
    model: 'qwen3:4b',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Look there', images: ['aGk='] },
      {
        role: 'assistant',
        content: '',
        thinking: 'hm',
        tool_calls: [
          { id: 'a', function: { index: 0, name: 'look', arguments: { at: 1 } } },
          { id: 'b', function: { index: 1, name: 'now', arguments: {} } },
        ],
      },
      { role: 'tool', content: 'nothing', tool_name: 'look', tool_call_id: 'a' },
      { role: 'tool', content: 'noon', tool_name: 'now', tool_call_id: 'b' },
    ],
    tools: [{ type: 'function', function: { name: 'look', description: 'Looks.', parameters: { type: 'object' } } }],
    format: { type: 'object' },
    logprobs: true,
    top_logprobs: 2,
    options: {
      num_predict: 100,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 4,
      seed: 7,
      stop: ['END'],
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
    },
    stream: true,
  })
})

test.each([
  ['qwen3:4b', reason({ effort: 'none' }), false, []],
  ['qwen3:4b', reason({ budgetTokens: 0 }), false, []],
  ['qwen3:4b', reason({ effort: 'high' }), true, ['reasoning.effort']],
  ['gpt-oss:20b', reason({ effort: 'minimal' }), 'low', []],
])('%s thinks as asked: %j', (model, reasoning, think, names) => {
  const { body, dropped } = encode(ask({ reasoning }, model))
  expect([body['think'], dropped]).toEqual([think, names])
})

test('what the format has no place for is named', () => {
  const request = ask({
    messages: [
      message(Role.USER, [linkedImage('https://example.com/a.png', '', 'x')]),
      message(Role.ASSISTANT, [calling('a', 'cut', '{"x": "unfin')]),
      message(Role.TOOL, [toolResult('a', [], true)]),
    ],
    tools: [tool('cut')],
    toolChoice: { $typeName: 'switchyard.v1.ToolChoice', mode: Mode.REQUIRED, names: [] },
    user: 'u',
  })
  expect(encode(request).dropped.toSorted()).toEqual(
    [
      'messages[0].parts[0]',
      'messages[1].parts[0].arguments_json',
      'messages[2].parts[0].is_error',
      'tool_choice',
      'user',
    ].toSorted(),
  )
})

describe('recorded requests, read into a canonical one and written again', () => {
  const cases = readCases(`${import.meta.dirname}/../../../test/wire/cases/ollama-native`).map(
    (wireCase) => [wireCase.id, asMap(wireCase.request?.body) ?? {}] as const,
  )

  test.each(cases)('%s', (_id, recorded) => {
    const { body } = encode(readRecorded(recorded), recorded['stream'] === true)
    expect(unnumbered(body)).toEqual(unnumbered(recorded))
  })
})

/** Ids and indexes of calls, which the recording client did not send, and options of which there are none. */
function unnumbered(body: JsonMap): unknown {
  const text = JSON.stringify(body, (key, value: unknown) => {
    if (key === 'options' && Object.keys(value as object).length === 0) return undefined
    if (key !== 'messages') return value
    return asList(value).map((one) => {
      const { tool_call_id: _id, tool_calls: calls, ...rest } = asMap(one) ?? {}
      const named = asList(calls).map((call) => {
        const { name, arguments: given } = asMap(asMap(call)?.['function']) ?? {}
        return { name, given }
      })
      return { ...rest, ...(named.length > 0 && { calls: named }) }
    })
  })
  return JSON.parse(text)
}

/** The canonical request that a recorded one means, as far as the recordings go. */
function readRecorded(body: JsonMap): ChatRequest {
  const roles: Record<string, Role> = {
    system: Role.SYSTEM,
    user: Role.USER,
    assistant: Role.ASSISTANT,
    tool: Role.TOOL,
  }
  const limit = asMap(body['options'])?.['num_predict']
  return {
    ...emptyChatRequest(asText(body['model'])),
    messages: asList(body['messages']).map((one) => {
      const map = asMap(one) ?? {}
      const said = [textPart(asText(map['content']))]
      const calls = asList(map['tool_calls']).map((call) => {
        const called = asMap(asMap(call)?.['function']) ?? {}
        return calling(asText(called['name']), asText(called['name']), JSON.stringify(called['arguments']))
      })
      const thought = map['thinking'] === undefined ? [] : [reasoningPart(asText(map['thinking']))]
      const answered = map['tool_name']
      const parts = typeof answered === 'string' ? [toolResult(answered, said)] : [...thought, ...said, ...calls]
      return message(roles[asText(map['role'])] ?? Role.USER, parts)
    }),
    ...(typeof limit === 'number' && { maxOutputTokens: limit }),
    reasoning: body['think'] === true ? reason({ budgetTokens: 1 }) : reason({ effort: 'none' }),
    tools: asList(body['tools']).map((one) => {
      const called = asMap(asMap(one)?.['function']) ?? {}
      return tool(asText(called['name']), asText(called['description']), asMap(called['parameters']))
    }),
  }
}
