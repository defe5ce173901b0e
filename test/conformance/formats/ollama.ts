import { type ChatEvent, type ChatResponse, FinishReason, type Part } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { asList, asMap, asText, type JsonMap } from '../../wire/case.ts'
import { completion } from './own.ts'
import type { Played, Question } from './played.ts'

/** Ollama's native chat, written from its reference without a line of the client half. */
export const ollama: Played = {
  chat({ text }) {
    const body = asMap(JSON.parse(text)) ?? {}
    return { request: completion(asked(body)), streaming: body['stream'] !== false, ...writer() }
  },
  errorBody: ({ message }) => JSON.stringify({ error: message }),
}

function asked({ model, messages, tools, format, think, options }: JsonMap): object {
  const chosen = asMap(options) ?? {}
  return {
    model,
    messages: asList(messages).map((one, index) => messageOf(asMap(one) ?? {}, index)),
    ...(tools !== undefined && { tools }),
    ...(format !== undefined && { response_format: formatOf(format) }),
    ...(think !== undefined && { reasoning_effort: think === false ? 'none' : 'low' }),
    max_tokens: chosen['num_predict'],
    stop: chosen['stop'],
    seed: chosen['seed'],
  }
}

function formatOf(format: JsonMap[string]): object {
  return asMap(format) === undefined
    ? { type: 'json_object' }
    : { type: 'json_schema', json_schema: { name: 'answer', schema: format } }
}

function messageOf({ role, content, images, tool_calls: calls, tool_call_id: id }: JsonMap, index: number): object {
  const pictures = asList(images).map((data) => ({
    type: 'image_url',
    image_url: { url: `data:image/png;base64,${asText(data)}` },
  }))
  const called = asList(calls).map((one, at) => {
    const { id: given, function: made } = asMap(one) ?? {}
    const { name, arguments: input } = asMap(made) ?? {}
    return {
      id: given ?? `call_${index}_${at}`,
      type: 'function',
      function: { name, arguments: JSON.stringify(input) },
    }
  })
  return {
    role,
    content: pictures.length === 0 ? content : [{ type: 'text', text: content }, ...pictures],
    ...(called.length > 0 && { tool_calls: called }),
    ...(id !== undefined && { tool_call_id: id }),
  }
}

/** Lines of a stream; a call is told when it is complete. */
function writer(): Omit<Question, 'request' | 'streaming'> {
  const calls = new Map<number, { id: string; name: string; arguments: string }>()
  let reason = 'stop'
  let usage: Usage | undefined
  const line = (fields: object): string =>
    `${JSON.stringify({ model: 'm', created_at: now, done: false, ...fields })}\n`
  const one = ({ event }: ChatEvent): string => {
    switch (event.case) {
      case 'textDelta':
        return line({ message: { role: 'assistant', content: event.value.text } })
      case 'reasoningDelta':
        return event.value.text === ''
          ? ''
          : line({ message: { role: 'assistant', content: '', thinking: event.value.text } })
      case 'toolCallDelta': {
        const { index, id, name, argumentsJson } = event.value
        const call = calls.get(index) ?? { id, name, arguments: '' }
        call.arguments += argumentsJson
        calls.set(index, call)
        return ''
      }
      case 'finished':
        reason = reasonOf(event.value.reason)
        return calls.size === 0
          ? ''
          : line({ message: { role: 'assistant', content: '', tool_calls: [...calls.values()].map(callOf) } })
      case 'usage':
        usage = event.value
        return ''
      default:
        return ''
    }
  }
  return {
    contentType: 'application/x-ndjson',
    whole: (response) => JSON.stringify(wholeOf(response)),
    events: (batch) => batch.map(one).join(''),
    end: () => line({ message: { role: 'assistant', content: '' }, ...endOf(reason, usage) }),
    fail: ({ message }) => `${JSON.stringify({ error: message })}\n`,
  }
}

const now = '2026-01-01T00:00:00Z'

const reasonOf = (reason: FinishReason): string => (reason === FinishReason.LENGTH ? 'length' : 'stop')

function endOf(reason: string, usage: Usage | undefined): object {
  const counts = usage && { prompt_eval_count: usage.inputTokens, eval_count: usage.outputTokens }
  return { done: true, done_reason: reason, ...counts }
}

function wholeOf({ choices: [choice], usage }: ChatResponse): object {
  const parts = choice?.message?.parts ?? []
  const text = (kind: 'text' | 'reasoning'): string => parts.map((part) => wordsOf(part, kind)).join('')
  const calls = parts.flatMap(({ kind }) => (kind.case === 'toolCall' ? [kind.value] : []))
  return {
    model: 'm',
    created_at: now,
    message: {
      role: 'assistant',
      content: text('text'),
      ...(text('reasoning') !== '' && { thinking: text('reasoning') }),
      ...(calls.length > 0 && {
        tool_calls: calls.map(({ id, name, argumentsJson }) => callOf({ id, name, arguments: argumentsJson })),
      }),
    },
    ...endOf(reasonOf(choice?.finishReason ?? FinishReason.STOP), usage),
  }
}

function wordsOf({ kind }: Part, of: 'text' | 'reasoning'): string {
  return (kind.case === 'text' || kind.case === 'reasoning') && kind.case === of ? kind.value.text : ''
}

function callOf({ id, name, arguments: input }: { id: string; name: string; arguments: string }): object {
  return { id, function: { name, arguments: JSON.parse(input === '' ? '{}' : input) as object } }
}
