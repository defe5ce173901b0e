import { type ChatEvent, type ChatResponse, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { asList, asMap, type JsonMap } from '../../wire/case.ts'
import { completion } from './own.ts'
import type { Played, Question } from './played.ts'

/** Cohere's chat of version 2, written from its reference without a line of the client half. */
export const cohere: Played = {
  chat({ text }) {
    const body = asMap(JSON.parse(text)) ?? {}
    return { request: completion(asked(body)), streaming: body['stream'] === true, ...writer() }
  },
  errorBody: ({ message }) => JSON.stringify({ id: 'error-1', message }),
}

const choices: Readonly<Record<string, string>> = { REQUIRED: 'required', NONE: 'none' }

function asked(body: JsonMap): object {
  const { model, messages, tools, tool_choice: choice, response_format: format, thinking } = body
  return {
    model,
    messages: asList(messages).map((one) => messageOf(asMap(one) ?? {})),
    ...(tools !== undefined && { tools }),
    ...(typeof choice === 'string' && { tool_choice: choices[choice] }),
    ...(format !== undefined && { response_format: formatOf(asMap(format) ?? {}) }),
    ...(thinking !== undefined && { reasoning_effort: asMap(thinking)?.['type'] === 'enabled' ? 'low' : 'none' }),
    max_tokens: body['max_tokens'],
    stop: body['stop_sequences'],
    seed: body['seed'],
  }
}

function formatOf({ type, json_schema: schema }: JsonMap): object {
  return schema === undefined ? { type } : { type: 'json_schema', json_schema: { name: 'answer', schema } }
}

/** What a tool answered may be documents, and what the model thought and planned stands elsewhere than in chat completions. */
function messageOf({ tool_plan: plan, content, ...message }: JsonMap): object {
  const blocks = asList(content).map((one) => asMap(one) ?? {})
  const said = blocks.filter(({ type }) => type !== 'thinking').map((block) => documentText(block) ?? block)
  return {
    ...message,
    content: typeof content === 'string' ? content : said.length === 0 ? null : said,
    ...(plan !== undefined && { reasoning_content: plan }),
  }
}

function documentText({ type, document }: JsonMap): object | undefined {
  return type === 'document' ? { type: 'text', text: asMap(document)?.['data'] ?? '' } : undefined
}

/** Events of a stream: each block and each call is started, filled and ended. */
function writer(): Omit<Question, 'request' | 'streaming'> {
  const open: { kind: string; index: number }[] = []
  let begun = false
  let blocks = 0
  let reason = 'COMPLETE'
  let usage: Usage | undefined
  const frame = (type: string, fields: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
  const start = (): string => {
    if (begun) return ''
    begun = true
    return frame('message-start', { id: 'answer-1', delta: { message: { role: 'assistant', content: [] } } })
  }
  const close = (): string => {
    const last = open.pop()
    if (last === undefined) return ''
    return frame(last.kind === 'call' ? 'tool-call-end' : 'content-end', { index: last.index })
  }
  const block = (kind: 'text' | 'thinking', piece: string): string => {
    if (piece === '') return ''
    let text = start()
    if (open.at(-1)?.kind !== kind) {
      text += close()
      open.push({ kind, index: blocks })
      text += frame('content-start', { index: blocks++, delta: { message: { content: { type: kind, [kind]: '' } } } })
    }
    const index = open.at(-1)?.index
    return text + frame('content-delta', { index, delta: { message: { content: { [kind]: piece } } } })
  }
  const one = ({ event }: ChatEvent): string => {
    switch (event.case) {
      case 'textDelta':
        return block('text', event.value.text)
      case 'reasoningDelta':
        return block('thinking', event.value.text)
      case 'toolCallDelta': {
        const { index, id, name, argumentsJson } = event.value
        if (name === '')
          return frame('tool-call-delta', {
            index,
            delta: { message: { tool_calls: { function: { arguments: argumentsJson } } } },
          })
        const text = start() + close()
        open.push({ kind: 'call', index })
        const call = { id, type: 'function', function: { name, arguments: argumentsJson } }
        return text + frame('tool-call-start', { index, delta: { message: { tool_calls: call } } })
      }
      case 'finished':
        reason = reasonOf(event.value.reason)
        return close()
      case 'usage':
        usage = event.value
        return ''
      case 'started':
        return start()
      default:
        return ''
    }
  }
  return {
    contentType: 'text/event-stream',
    whole: (response) => JSON.stringify(wholeOf(response)),
    events: (batch) => batch.map(one).join(''),
    end: () => frame('message-end', { delta: endOf(reason, usage) }),
    fail: ({ message }) => frame('message-end', { delta: { finish_reason: 'ERROR', error: message } }),
  }
}

function reasonOf(reason: FinishReason): string {
  if (reason === FinishReason.LENGTH) return 'MAX_TOKENS'
  return reason === FinishReason.TOOL_CALLS ? 'TOOL_CALL' : 'COMPLETE'
}

function endOf(reason: string, usage: Usage | undefined): object {
  const tokens = usage && { input_tokens: usage.inputTokens, output_tokens: usage.outputTokens }
  return { finish_reason: reason, ...(tokens && { usage: { billed_units: tokens, tokens } }) }
}

function wholeOf({ choices: [choice], usage }: ChatResponse): object {
  const parts = choice?.message?.parts ?? []
  const content = parts.flatMap(({ kind }): object[] => {
    if (kind.case === 'text') return [{ type: 'text', text: kind.value.text }]
    return kind.case === 'reasoning' ? [{ type: 'thinking', thinking: kind.value.text }] : []
  })
  const calls = parts.flatMap(({ kind }) => (kind.case === 'toolCall' ? [kind.value] : []))
  return {
    id: 'answer-1',
    message: {
      role: 'assistant',
      ...(content.length > 0 && { content }),
      ...(calls.length > 0 && {
        tool_calls: calls.map(({ id, name, argumentsJson }) => ({
          id,
          type: 'function',
          function: { name, arguments: argumentsJson },
        })),
      }),
    },
    ...endOf(reasonOf(choice?.finishReason ?? FinishReason.STOP), usage),
  }
}
