import { type ChatRequest, type Message, type Part, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { fail, type GatewayError } from '../../error/index.ts'
import { emptyChatRequest, sourceOf } from '../../model/request.ts'
import type { JsonBody } from '../contract.ts'
import { argumentsText } from '../openai/decode-messages.ts'
import { decodeTool, decodeToolChoice } from '../openai/decode-request.ts'
import {
  calling,
  inlineAudio,
  inlineImage,
  linkedAudio,
  linkedImage,
  message,
  reasoningPart,
  refusalPart,
  textPart,
  toolResult,
} from '../parts.ts'
import { checkNoting, noteUnknown } from '../untranslated.ts'
import {
  calledTool,
  chatMessage,
  chatRequest,
  type ChatRequestBody,
  type RequestMessage,
  type RequestPart,
} from './types.ts'

/** A request in the contract's terms, and whether the client wants a stream. */
export interface DecodedRequest {
  readonly request: ChatRequest
  readonly streaming: boolean
}

const roleOf = {
  system: Role.SYSTEM,
  user: Role.USER,
  assistant: Role.ASSISTANT,
  tool: Role.TOOL,
} as const satisfies Record<RequestMessage['role'], Role>

/**
 * Reads a chat request. Fields that the dialect does not have are named in `source.untranslated`. Throws `invalid_request`,
 * naming the field.
 */
export function decodeRequest(body: JsonBody): DecodedRequest {
  const { wire, untranslated } = checkNoting(chatRequest, body.value)
  const request = emptyChatRequest(wire.model)
  request.messages = wire.messages.map((sent, index) => decodeMessage(sent, `messages[${index}]`, untranslated))
  request.tools = (wire.tools ?? []).flatMap((tool, index) => decodeTool(tool, `tools[${index}]`, untranslated))
  if (wire.tool_choice != null) request.toolChoice = decodeToolChoice(wire.tool_choice)
  decodeOptions(wire, request)
  request.source = sourceOf('scaigrid', body.text, untranslated)
  return { request, streaming: wire.stream === true }
}

function missing(path: string): GatewayError {
  return fail('invalid_request', `${path} is required`, { param: path })
}

function decodeMessage(wire: RequestMessage, path: string, untranslated: string[]): Message {
  noteUnknown(wire, chatMessage.shape, path, untranslated)
  const { role, tool_call_id: callId } = wire
  const name = wire.name ?? ''
  const content = decodeContent(wire.content, `${path}.content`, untranslated)
  const spoken = decodeSpoken(wire, content, path, untranslated)
  if (wire.content == null && spoken.length === 0) throw missing(`${path}.content`)
  if (role !== 'tool') return message(roleOf[role], spoken, name)
  if (callId == null || callId === '') throw missing(`${path}.tool_call_id`)
  return message(Role.TOOL, [toolResult(callId, spoken)], name)
}

/** The content, with what an assistant's message has before and after it. */
function decodeSpoken(wire: RequestMessage, content: readonly Part[], path: string, untranslated: string[]): Part[] {
  const reasoning = wire.reasoning_content ?? ''
  const refusal = wire.refusal ?? ''
  const calls = (wire.tool_calls ?? []).map((call, index) => {
    noteUnknown(call, calledTool.shape, `${path}.tool_calls[${index}]`, untranslated)
    return calling(call.id, call.function.name, argumentsText(call.function.arguments))
  })
  return [
    ...(reasoning === '' ? [] : [reasoningPart(reasoning)]),
    ...content,
    ...(refusal === '' ? [] : [refusalPart(refusal)]),
    ...calls,
  ]
}

function decodeContent(content: RequestMessage['content'], path: string, untranslated: string[]): Part[] {
  if (content == null) return []
  if (typeof content === 'string') return [textPart(content)]
  return content.map((wire, index) => {
    noteUnknown(wire, { type: true, [wire.type]: true }, `${path}[${index}]`, untranslated)
    return decodePart(wire, `${path}[${index}].${wire.type}`)
  })
}

function decodePart(wire: RequestPart, path: string): Part {
  switch (wire.type) {
    case 'text':
      return textPart(wire.text)
    case 'image_url':
      return linkedImage(wire.image_url.url, wire.image_url.detail ?? '', `${path}.url`)
    case 'image_base64':
      return inlineImage(wire.image_base64.data, wire.image_base64.media_type, `${path}.data`)
    case 'audio_url':
      return linkedAudio(wire.audio_url.url, `${path}.url`)
    case 'audio_base64':
      return inlineAudio(wire.audio_base64.data, wire.audio_base64.media_type, `${path}.data`)
    default:
      return wire satisfies never
  }
}

function decodeOptions(wire: ChatRequestBody, request: ChatRequest): void {
  if (wire.max_tokens != null) request.maxOutputTokens = wire.max_tokens
  if (wire.temperature != null) request.temperature = wire.temperature
  if (wire.top_p != null) request.topP = wire.top_p
  if (wire.stop != null) request.stop = typeof wire.stop === 'string' ? [wire.stop] : [...wire.stop]
  if (wire.seed != null) request.seed = BigInt(wire.seed)
  for (const [key, value] of Object.entries(wire.metadata ?? {})) {
    request.metadata[key] = typeof value === 'string' ? value : JSON.stringify(value)
  }
}
