import { expect, test } from 'vitest'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { emptyChatRequest } from '../../model/request.ts'
import { calling, message, reasoningPart, textPart, toolResult } from '../parts.ts'
import { adaptText } from './adapt-body.ts'
import { openaiClient } from './client.ts'
import { encodeRequest } from './encode-request.ts'

const adaptation = { renames: { seed: 'random_seed', stream_options: null }, callIdLength: 9 }
const written = (text: string): unknown => JSON.parse(adaptText(text, adaptation))

test('a body with nothing to adapt stays the very text it was, spaces and long numbers too', () => {
  const text = '{ "model": "m", "x": 12345678901234567890, "messages": [{"role": "user", "content": "hi"}] }'
  expect(adaptText(text, adaptation)).toBe(text)
  expect(adaptText('{"seed": 1}', {})).toBe('{"seed": 1}')
})

test('fields take the vendor’s names, and those it refuses for nothing are left out', () => {
  expect(written('{"seed":1,"stream_options":{"include_usage":true},"constructor":2}')).toEqual({
    random_seed: 1,
    constructor: 2,
  })
})

test('ids the vendor takes stay; others are replaced, the same for a call and its result, different for different calls', () => {
  const text = JSON.stringify({
    messages: [
      { role: 'assistant', tool_calls: [{ id: 'call_1' }, { id: 'call_2' }, { id: 'rHU0eZiMa' }] },
      { role: 'tool', tool_call_id: 'call_2' },
    ],
  })
  const { messages } = written(text) as { messages: { tool_calls?: { id: string }[]; tool_call_id?: string }[] }
  const ids = messages[0]?.tool_calls?.map(({ id }) => id) ?? []
  expect(ids.every((id) => /^[A-Za-z0-9]{9}$/.test(id))).toBe(true)
  expect(new Set(ids).size).toBe(3)
  expect([ids[2], messages[1]?.tool_call_id]).toEqual(['rHU0eZiMa', ids[1]])
})

test('a translated request is adapted as well, and takes reasoning back in its content', () => {
  const request = {
    ...emptyChatRequest('m'),
    seed: 4n,
    messages: [
      message(Role.ASSISTANT, [reasoningPart('hm'), textPart('So'), calling('call_1', 'look', '{}')]),
      message(Role.TOOL, [toolResult('call_1', [textPart('nothing')])]),
    ],
  }
  const options = { ...openaiClient.defaults, ...adaptation, reasoningField: 'thinking' as const }
  const { body, dropped } = encodeRequest(request, true, options)
  expect(dropped).toEqual([])
  const { messages, ...rest } = JSON.parse(body) as { messages: Record<string, unknown>[] }
  expect(rest).toEqual({ model: 'm', random_seed: 4, stream: true })
  expect(messages[0]?.['content']).toEqual([
    { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
    { type: 'text', text: 'So' },
  ])
  const id = messages[1]?.['tool_call_id']
  expect(id).toMatch(/^[A-Za-z0-9]{9}$/)
  expect(messages[0]?.['tool_calls']).toMatchObject([{ id }])
})
