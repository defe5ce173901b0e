import { Buffer } from 'node:buffer'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import { type ChatEvent, type ChatResponse, FinishReason } from '#gen/switchyard/v1/chat_pb.ts'
import type { Usage } from '#gen/switchyard/v1/usage_pb.ts'
import { asList, asMap, asText, type JsonMap } from '../../wire/case.ts'
import { completion } from './own.ts'
import type { Played, Question } from './played.ts'

/** Amazon's Converse and ConverseStream, written from their reference without a line of the client half. */
export const bedrock: Played = {
  chat({ path, facts, text }) {
    const body = asMap(JSON.parse(text)) ?? {}
    const request = completion({ model: facts.params['*'], ...asked(body) })
    return { request, streaming: path.endsWith('/converse-stream'), ...writer() }
  },
  errorBody: ({ message }) => JSON.stringify({ message }),
}

function asked({ messages, system, inferenceConfig, toolConfig, outputConfig }: JsonMap): object {
  const chosen = asMap(inferenceConfig) ?? {}
  const instructions = asList(system).map((one) => asText(asMap(one)?.['text']))
  const { tools, toolChoice } = asMap(toolConfig) ?? {}
  const format = asMap(asMap(asMap(outputConfig)?.['textFormat'])?.['structure'])?.['jsonSchema']
  const schema = asMap(format)?.['schema']
  return {
    messages: [
      ...instructions.map((content) => ({ role: 'system', content })),
      ...asList(messages).flatMap((one) => messagesOf(asMap(one) ?? {})),
    ],
    ...(tools !== undefined && { tools: asList(tools).flatMap((one) => toolOf(asMap(one) ?? {})) }),
    ...(toolChoice !== undefined && { tool_choice: choiceOf(asMap(toolChoice) ?? {}) }),
    ...(schema !== undefined && {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', schema: JSON.parse(asText(schema)) as object },
      },
    }),
    max_tokens: chosen['maxTokens'],
    stop: chosen['stopSequences'],
  }
}

function toolOf({ toolSpec }: JsonMap): object[] {
  const { name, description, inputSchema } = asMap(toolSpec) ?? {}
  if (name === undefined) return []
  return [{ type: 'function', function: { name, description, parameters: asMap(inputSchema)?.['json'] } }]
}

function choiceOf({ any, tool }: JsonMap): unknown {
  if (tool !== undefined) return { type: 'function', function: { name: asMap(tool)?.['name'] } }
  return any === undefined ? 'auto' : 'required'
}

/** A turn: results of tools are messages of their own in chat completions. */
function messagesOf({ role, content }: JsonMap): object[] {
  const blocks = asList(content).map((one) => asMap(one) ?? {})
  const results = blocks.flatMap(({ toolResult }) => {
    const { toolUseId, content: said } = asMap(toolResult) ?? {}
    if (toolUseId === undefined) return []
    const text = asList(said)
      .map((one) => asText(asMap(one)?.['text']))
      .join('')
    return [{ role: 'tool', tool_call_id: toolUseId, content: text }]
  })
  const said = blocks.flatMap(({ text, image }): object[] => {
    if (text !== undefined) return [{ type: 'text', text }]
    const { format, source } = asMap(image) ?? {}
    const url = `data:image/${asText(format)};base64,${asText(asMap(source)?.['bytes'])}`
    return image === undefined ? [] : [{ type: 'image_url', image_url: { url } }]
  })
  const calls = blocks.flatMap(({ toolUse }) => {
    const { toolUseId: id, name, input } = asMap(toolUse) ?? {}
    return id === undefined ? [] : [{ id, type: 'function', function: { name, arguments: JSON.stringify(input) } }]
  })
  if (said.length === 0 && calls.length === 0) return results
  return [
    ...results,
    { role, content: said.length === 0 ? null : said, ...(calls.length > 0 && { tool_calls: calls }) },
  ]
}

/** Frames of a stream: each block is filled and stopped, and one of a tool started before. */
function writer(): Omit<Question, 'request' | 'streaming'> {
  let index = -1
  let kind = ''
  let reason = 'end_turn'
  let usage: Usage | undefined
  const close = (): Uint8Array[] => (kind === '' ? [] : [frame('contentBlockStop', { contentBlockIndex: index })])
  const open = (next: string): Uint8Array[] => {
    if (kind === next) return []
    const closed = close()
    index++
    kind = next
    return closed
  }
  const delta = (value: object): Uint8Array => frame('contentBlockDelta', { contentBlockIndex: index, delta: value })
  const one = ({ event }: ChatEvent): Uint8Array[] => {
    switch (event.case) {
      case 'started':
        return [frame('messageStart', { role: 'assistant' })]
      case 'textDelta':
        return [...open('text'), delta({ text: event.value.text })]
      case 'reasoningDelta':
        return event.value.text === ''
          ? []
          : [...open('reasoning'), delta({ reasoningContent: { text: event.value.text } })]
      case 'toolCallDelta': {
        const { index: call, id, name, argumentsJson } = event.value
        const begun = open(`call ${call}`)
        const start = { toolUse: { toolUseId: id, name } }
        return [
          ...begun,
          ...(name === '' ? [] : [frame('contentBlockStart', { contentBlockIndex: index, start })]),
          ...(argumentsJson === '' ? [] : [delta({ toolUse: { input: argumentsJson } })]),
        ]
      }
      case 'finished':
        reason = reasonOf(event.value.reason)
        return open('')
      case 'usage':
        usage = event.value
        return []
      default:
        return []
    }
  }
  return {
    contentType: 'application/vnd.amazon.eventstream',
    whole: (response) => JSON.stringify(wholeOf(response)),
    events: (batch) => Buffer.concat(batch.flatMap(one)),
    end: () =>
      Buffer.concat([
        frame('messageStop', { stopReason: reason }),
        frame('metadata', { ...(usage && { usage: countsOf(usage) }), metrics: { latencyMs: 1 } }),
      ]),
    fail: ({ message }) => frame('modelStreamErrorException', { message }, 'exception'),
  }
}

function reasonOf(reason: FinishReason): string {
  if (reason === FinishReason.LENGTH) return 'max_tokens'
  return reason === FinishReason.TOOL_CALLS ? 'tool_use' : 'end_turn'
}

function countsOf({ inputTokens, outputTokens }: Usage): object {
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens }
}

function wholeOf({ choices: [choice], usage }: ChatResponse): object {
  const content = (choice?.message?.parts ?? []).flatMap(({ kind }): object[] => {
    if (kind.case === 'text') return [{ text: kind.value.text }]
    if (kind.case === 'reasoning') return [{ reasoningContent: { reasoningText: { text: kind.value.text } } }]
    if (kind.case !== 'toolCall') return []
    const { id: toolUseId, name, argumentsJson } = kind.value
    return [{ toolUse: { toolUseId, name, input: JSON.parse(argumentsJson) as object } }]
  })
  return {
    output: { message: { role: 'assistant', content } },
    stopReason: reasonOf(choice?.finishReason ?? FinishReason.STOP),
    ...(usage && { usage: countsOf(usage) }),
  }
}

/** One binary frame. */
function frame(type: string, payload: object, messageType: 'event' | 'exception' = 'event'): Uint8Array {
  const codec = new EventStreamCodec(
    (bytes) => Buffer.from(bytes).toString(),
    (text) => Buffer.from(text),
  )
  const text = (value: string) => ({ type: 'string' as const, value })
  const headers = {
    [`:${messageType}-type`]: text(type),
    ':content-type': text('application/json'),
    ':message-type': text(messageType),
  }
  return codec.encode({ headers, body: Buffer.from(JSON.stringify(payload)) })
}
