import type { JsonObject } from '@bufbuild/protobuf'
import {
  type ChatRequest,
  type ResponseFormat,
  Role,
  type Tool,
  type ToolChoice,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import { emptyChatRequest, sourceOf } from '../../model/request.ts'
import type { JsonBody, RequestFacts } from '../contract.ts'
import { message } from '../parts.ts'
import { noteUnknown } from '../untranslated.ts'
import { check } from '../validate.ts'
import { cacheControl, decodeContent, decodeMessages, isProviderTool } from './decode-blocks.ts'
import { carriedHeaders } from './headers.ts'
import {
  countRequest,
  known,
  type MessagesRequest,
  messagesRequest,
  type RequestTool,
  type RequestToolChoice,
} from './types.ts'

/** A request in the contract's terms, and whether the client wants a stream. */
export interface DecodedRequest {
  readonly request: ChatRequest
  readonly streaming: boolean
}

/**
 * Reads the body of `/v1/messages`. What the contract has no field for stays in `source`, and its paths in `source.untranslated`.
 * Throws `invalid_request`, naming the field.
 */
export function decodeRequest(body: JsonBody, facts: Pick<RequestFacts, 'header'>): DecodedRequest {
  const wire = check(messagesRequest, body.value)
  return { request: decode(wire, body, facts), streaming: wire.stream === true }
}

/** Reads the body of `/v1/messages/count_tokens`. Throws `invalid_request`, naming the field. */
export function decodeCount(body: JsonBody, facts: Pick<RequestFacts, 'header'>): ChatRequest {
  return decode(check(countRequest, body.value), body, facts)
}

function decode(wire: MessagesRequest, body: JsonBody, { header }: Pick<RequestFacts, 'header'>): ChatRequest {
  const untranslated: string[] = []
  noteUnknown(wire, known.body, '', untranslated)
  const request = emptyChatRequest(wire.model)
  if (wire.system != null && wire.system.length > 0)
    request.messages.push(message(Role.SYSTEM, decodeContent(wire.system, 'system', untranslated)))
  request.messages.push(...decodeMessages(wire.messages, untranslated))
  decodeTools(wire, request, untranslated)
  decodeSampling(wire, request, untranslated)
  decodeReasoning(wire, request, untranslated)
  decodeFormat(wire, request, untranslated)
  const headers = carriedHeaders(header)
  if (headers['anthropic-beta'] !== undefined) untranslated.push('anthropic-beta')
  request.source = sourceOf('anthropic', body.text, untranslated, headers)
  return request
}

function decodeTools(wire: MessagesRequest, request: ChatRequest, untranslated: string[]): void {
  request.tools = (wire.tools ?? []).map((tool, index) => decodeTool(tool, `tools[${index}]`, untranslated))
  if (wire.tool_choice == null) return
  noteUnknown(wire.tool_choice, known.toolChoice, 'tool_choice', untranslated)
  request.toolChoice = decodeToolChoice(wire.tool_choice)
  const alone = wire.tool_choice.disable_parallel_tool_use
  if (alone != null) request.parallelToolCalls = !alone
}

function decodeTool(wire: RequestTool, path: string, untranslated: string[]): Tool {
  const hint = wire.cache_control == null ? {} : { cacheControl: cacheControl(wire.cache_control) }
  if (isProviderTool(wire)) {
    const { cache_control: _hint, ...definition } = wire
    const value = {
      $typeName: 'switchyard.v1.ProviderTool' as const,
      dialect: 'anthropic',
      definition: definition as JsonObject,
    }
    return { $typeName: 'switchyard.v1.Tool', kind: { case: 'provider', value }, ...hint }
  }
  noteUnknown(wire, known.tool, path, untranslated)
  const { name, description, input_schema: parameters, strict } = wire
  if (name == null || name === '') throw fail('invalid_request', `${path}.name is required`, { param: `${path}.name` })
  const value = {
    $typeName: 'switchyard.v1.FunctionTool' as const,
    name,
    description: description ?? '',
    ...(parameters != null && { parameters: parameters as JsonObject }),
    ...(strict != null && { strict }),
  }
  return { $typeName: 'switchyard.v1.Tool', kind: { case: 'function', value }, ...hint }
}

const modes = { auto: Mode.AUTO, any: Mode.REQUIRED, none: Mode.NONE, tool: Mode.NAMED } as const

function decodeToolChoice({ type, name }: RequestToolChoice): ToolChoice {
  if (type === 'tool' && (name == null || name === ''))
    throw fail('invalid_request', 'tool_choice.name is required', { param: 'tool_choice.name' })
  return {
    $typeName: 'switchyard.v1.ToolChoice',
    mode: modes[type],
    names: type === 'tool' && name != null ? [name] : [],
  }
}

function decodeSampling(wire: MessagesRequest, request: ChatRequest, untranslated: string[]): void {
  if (wire.max_tokens != null) request.maxOutputTokens = wire.max_tokens
  if (wire.temperature != null) request.temperature = wire.temperature
  if (wire.top_p != null) request.topP = wire.top_p
  if (wire.top_k != null) request.topK = wire.top_k
  if (wire.stop_sequences != null) request.stop = [...wire.stop_sequences]
  if (wire.service_tier != null) request.serviceTier = wire.service_tier
  if (wire.metadata == null) return
  noteUnknown(wire.metadata, { user_id: true }, 'metadata', untranslated)
  if (wire.metadata.user_id != null) request.user = wire.metadata.user_id
}

/** Thinking switched off is the effort "none"; thinking as the model likes is reasoning without a budget. */
function decodeReasoning(wire: MessagesRequest, request: ChatRequest, untranslated: string[]): void {
  const { thinking } = wire
  const effort = wire.output_config?.effort ?? undefined
  if (thinking != null) noteUnknown(thinking, { type: true, budget_tokens: true }, 'thinking', untranslated)
  const modeled = thinking != null && ['enabled', 'disabled', 'adaptive'].includes(thinking.type)
  if (thinking != null && !modeled) untranslated.push('thinking')
  if (thinking?.type === 'disabled') {
    if (effort !== undefined) untranslated.push('output_config.effort')
    request.reasoning = { $typeName: 'switchyard.v1.ReasoningOptions', effort: 'none' }
  } else if (modeled || effort !== undefined) {
    const budget = thinking?.type === 'enabled' ? thinking.budget_tokens : undefined
    request.reasoning = {
      $typeName: 'switchyard.v1.ReasoningOptions',
      ...(effort !== undefined && { effort }),
      ...(budget != null && { budgetTokens: budget }),
    }
  }
}

function decodeFormat(wire: MessagesRequest, request: ChatRequest, untranslated: string[]): void {
  if (wire.output_config != null)
    noteUnknown(wire.output_config, { effort: true, format: true }, 'output_config', untranslated)
  const [format, path] =
    wire.output_config?.format == null
      ? [wire.output_format, 'output_format']
      : [wire.output_config.format, 'output_config.format']
  if (format == null) return
  if (format.type !== 'json_schema' || format.schema == null) {
    untranslated.push(path)
    return
  }
  noteUnknown(format, { type: true, schema: true }, path, untranslated)
  request.responseFormat = schemaFormat(format.schema as JsonObject)
}

function schemaFormat(schema: JsonObject): ResponseFormat {
  const value = { $typeName: 'switchyard.v1.JsonSchemaFormat' as const, name: '', description: '', schema }
  return { $typeName: 'switchyard.v1.ResponseFormat', kind: { case: 'jsonSchema', value } }
}
