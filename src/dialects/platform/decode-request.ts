import type { JsonObject } from '@bufbuild/protobuf'
import {
  type ChatRequest,
  type Message,
  type Part,
  Role,
  type Tool,
  type ToolChoice,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import { fail, type GatewayError } from '../../error/index.ts'
import { emptyChatRequest, sourceOf } from '../../model/request.ts'
import type { JsonBody } from '../contract.ts'
import { argumentsText } from '../openai/decode-messages.ts'
import { decodeTool as decodeFunctionTool } from '../openai/decode-request.ts'
import {
  calling,
  inlineAudio,
  inlineImage,
  linkedAudio,
  linkedImage,
  message,
  textPart as decodedText,
  toolResult,
} from '../parts.ts'
import { checkNoting, noteUnknown } from '../untranslated.ts'
import {
  audioPart,
  calledTool,
  chatMessage,
  chatRequest,
  type ChatRequestBody,
  type FunctionDefinition,
  functionDefinition,
  imagePart,
  type RequestMessage,
  type RequestPart,
  type RequestTool,
  type RequestToolChoice,
  textPart,
  tool,
} from './types.ts'

const roleOf = {
  system: Role.SYSTEM,
  user: Role.USER,
  assistant: Role.ASSISTANT,
  tool: Role.TOOL,
} as const satisfies Record<RequestMessage['role'], Role>

const modeOf = { auto: Mode.AUTO, none: Mode.NONE, required: Mode.REQUIRED } as const satisfies Record<string, Mode>

/**
 * Reads a chat request. Fields that the dialect does not have are named in `source.untranslated`. Throws `invalid_request`,
 * naming the field; without a model or a provider to choose one, with the words `model is required`.
 */
export function decodeRequest(body: JsonBody): ChatRequest {
  requireModel(body.value)
  const { wire, untranslated } = checkNoting(chatRequest, body.value)
  const request = emptyChatRequest(wire.model ?? '', wire.providerId ?? '')
  request.messages = wire.messages.map((sent, index) => decodeMessage(sent, `messages[${index}]`, untranslated))
  request.tools = (wire.tools ?? []).flatMap((sent, index) => decodeTool(sent, `tools[${index}]`, untranslated))
  if (wire.toolChoice != null) request.toolChoice = decodeToolChoice(wire.toolChoice)
  decodeSampling(wire, request)
  request.source = sourceOf('platform', body.text, untranslated)
  return request
}

/** Comes before everything else: a body without a model is told so, whatever else it lacks. */
export function requireModel({ model, providerId }: JsonObject): void {
  if ((model ?? '') === '' && (providerId ?? '') === '') throw missing('model')
}

function missing(path: string): GatewayError {
  return fail('invalid_request', `${path} is required`, { param: path })
}

function decodeMessage(wire: RequestMessage, path: string, untranslated: string[]): Message {
  noteUnknown(wire, chatMessage.shape, path, untranslated)
  const { role, toolCallId } = wire
  const name = wire.name ?? ''
  const calls = (wire.toolCalls ?? []).map((call, index) => {
    noteUnknown(call, calledTool.shape, `${path}.toolCalls[${index}]`, untranslated)
    return calling(call.id, call.name, argumentsText(call.arguments))
  })
  if (wire.content == null && calls.length === 0) throw missing(`${path}.content`)
  const content = decodeContent(wire.content, `${path}.content`, untranslated)
  if (role !== 'tool') return message(roleOf[role], [...content, ...calls], name)
  if (toolCallId == null || toolCallId === '') throw missing(`${path}.toolCallId`)
  return message(Role.TOOL, [toolResult(toolCallId, content), ...calls], name)
}

function decodeContent(content: RequestMessage['content'], path: string, untranslated: string[]): Part[] {
  if (content == null) return []
  if (typeof content === 'string') return [decodedText(content)]
  return content.map((part, index) => decodePart(part, `${path}[${index}]`, untranslated))
}

function decodePart(wire: RequestPart, path: string, untranslated: string[]): Part {
  switch (wire.type) {
    case 'text':
      noteUnknown(wire, textPart.shape, path, untranslated)
      return decodedText(wire.text)
    case 'image': {
      noteUnknown(wire, imagePart.shape, path, untranslated)
      const { url, data, mediaType } = mediaSourceOf(wire, path)
      const detail = wire.detail ?? ''
      if (url === undefined) return inlineImage(data, mediaType, `${path}.data`, detail)
      return declaredAs(mediaType, linkedImage(url, detail, `${path}.url`))
    }
    case 'audio': {
      noteUnknown(wire, audioPart.shape, path, untranslated)
      const { url, data, mediaType } = mediaSourceOf(wire, path)
      if (url === undefined) return inlineAudio(data, mediaType, `${path}.data`)
      return declaredAs(mediaType, linkedAudio(url, `${path}.url`))
    }
    default:
      return wire satisfies never
  }
}

/** Where an image or sound comes from. A URL may leave the media type to its server. */
type MediaSource =
  | { readonly url: string; readonly data?: undefined; readonly mediaType: string }
  | { readonly url?: undefined; readonly data: string; readonly mediaType: string }

function mediaSourceOf(wire: Exclude<RequestPart, { type: 'text' }>, path: string): MediaSource {
  const { url, data } = wire
  const mediaType = wire.mediaType ?? ''
  if (url != null && data == null) return { url, mediaType }
  if (url != null || data == null) {
    throw fail('invalid_request', `${path}: expected either url or data`, { param: path })
  }
  if (mediaType === '') throw missing(`${path}.mediaType`)
  return { data, mediaType }
}

/** A `data:` URL says itself what it holds; of any other, what the client says is taken. */
function declaredAs(mediaType: string, part: Part): Part {
  const { kind } = part
  if ((kind.case === 'image' || kind.case === 'audio') && kind.value.mediaType === '') kind.value.mediaType = mediaType
  return part
}

const wrapper = { type: true, function: true }

/** A tool as OpenAI wraps it is taken by what is inside, a flat one as it is. */
function decodeTool(wire: RequestTool, path: string, untranslated: string[]): Tool[] {
  const inside = wire.function
  noteUnknown(wire, inside == null ? tool.shape : wrapper, path, untranslated)
  if (inside == null) return decodeFunction(wire, path, untranslated)
  noteUnknown(inside, functionDefinition.shape, `${path}.function`, untranslated)
  return decodeFunction(inside, `${path}.function`, untranslated)
}

function decodeFunction(wire: FunctionDefinition, path: string, untranslated: string[]): Tool[] {
  const { name, description, parameters, strict } = wire
  if (name == null) throw missing(`${path}.name`)
  return decodeFunctionTool({ function: { name, description, parameters, strict } }, path, untranslated)
}

function decodeToolChoice(wire: RequestToolChoice): ToolChoice {
  if (typeof wire === 'string') return toolChoice(modeOf[wire], [])
  const name = wire.name ?? wire.function?.name
  if (name === undefined) throw missing('toolChoice.name')
  return toolChoice(Mode.NAMED, [name])
}

function toolChoice(mode: Mode, names: string[]): ToolChoice {
  return { $typeName: 'switchyard.v1.ToolChoice', mode, names }
}

function decodeSampling(wire: ChatRequestBody, request: ChatRequest): void {
  if (wire.maxTokens != null) request.maxOutputTokens = wire.maxTokens
  if (wire.temperature != null) request.temperature = wire.temperature
  if (wire.topP != null) request.topP = wire.topP
  if (wire.stop != null) request.stop = typeof wire.stop === 'string' ? [wire.stop] : [...wire.stop]
  if (wire.seed != null) request.seed = BigInt(wire.seed)
}
