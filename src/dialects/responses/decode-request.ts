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
import type { JsonBody } from '../contract.ts'
import { message, textPart } from '../parts.ts'
import { checkNoting, noteUnknown } from '../untranslated.ts'
import { entryOf } from '../entry.ts'
import { decodeInput } from './decode-input.ts'
import {
  type CreateResponse,
  createResponse,
  type InputItem,
  type RequestFormat,
  type RequestTool,
  type RequestToolChoice,
} from './types.ts'

/** What `include` may ask for that an answer has without being asked, or that a field of the contract asks for. */
const includesKnown: ReadonlySet<string> = new Set(['reasoning.encrypted_content', 'message.output_text.logprobs'])

/** A request in the contract's terms, and the body it came from, which an answer repeats in part. */
export interface DecodedRequest {
  readonly request: ChatRequest
  readonly wire: CreateResponse
  readonly streaming: boolean
}

/**
 * Reads a request for a response. Nothing is stored here: what refers to something stored is refused. What the contract has no
 * field for stays in `source`, and its paths in `source.untranslated`. Throws `invalid_request`, naming the field.
 */
export function decodeRequest(body: JsonBody): DecodedRequest {
  const { wire, untranslated } = checkNoting(createResponse, body.value)
  refuseStored(wire)
  const request = emptyChatRequest(wire.model)
  request.messages = decodeInput(itemsOf(wire), untranslated)
  if (wire.instructions != null && wire.instructions !== '')
    request.messages.unshift(message(Role.SYSTEM, [textPart(wire.instructions)]))
  decodeTools(wire, request, untranslated)
  decodeSampling(wire, request, untranslated)
  decodeOptions(wire, request, untranslated)
  request.source = sourceOf('responses', body.text, untranslated)
  return { request, wire, streaming: wire.stream === true }
}

/** What is asked. A prompt that the vendor keeps may say all of it. */
function itemsOf({ input, prompt }: CreateResponse): readonly InputItem[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  if (input == null && prompt == null) throw fail('invalid_request', 'input is required', { param: 'input' })
  return input ?? []
}

function refuseStored(wire: CreateResponse): void {
  const refuse = (param: string, why: string): never => {
    throw fail('invalid_request', `${param} is not supported: ${why}`, { param })
  }
  if (wire.previous_response_id != null)
    refuse('previous_response_id', 'responses are not stored here; send the whole conversation as input')
  if (wire.conversation != null)
    refuse('conversation', 'conversations are not stored here; send the whole conversation as input')
  if (wire.background === true) refuse('background', 'responses are not stored here, so none can be fetched later')
}

function decodeTools(wire: CreateResponse, request: ChatRequest, untranslated: string[]): void {
  request.tools = (wire.tools ?? []).map((tool, index) => decodeTool(tool, `tools[${index}]`, untranslated))
  if (wire.tool_choice != null) {
    const choice = decodeToolChoice(wire.tool_choice, untranslated)
    if (choice !== undefined) request.toolChoice = choice
  }
  if (wire.parallel_tool_calls != null) request.parallelToolCalls = wire.parallel_tool_calls
}

const functionFields = { type: 0, name: 0, description: 0, parameters: 0, strict: 0 }
const customFields = { type: 0, name: 0, description: 0, format: 0 }

function decodeTool(wire: RequestTool, path: string, untranslated: string[]): Tool {
  const tool = (kind: Tool['kind']): Tool => ({ $typeName: 'switchyard.v1.Tool', kind })
  if (wire.type === 'function' || wire.type === 'custom') {
    if (wire.name == null || wire.name === '')
      throw fail('invalid_request', `${path}.name is required`, { param: `${path}.name` })
  }
  const description = wire.description ?? ''
  if (wire.type === 'function') {
    noteUnknown(wire, functionFields, path, untranslated)
    const value = {
      $typeName: 'switchyard.v1.FunctionTool' as const,
      name: wire.name ?? '',
      description,
      ...(wire.parameters != null && { parameters: wire.parameters as JsonObject }),
      ...(wire.strict != null && { strict: wire.strict }),
    }
    return tool({ case: 'function', value })
  }
  if (wire.type === 'custom') {
    noteUnknown(wire, customFields, path, untranslated)
    const value = {
      $typeName: 'switchyard.v1.CustomTool' as const,
      name: wire.name ?? '',
      description,
      ...(wire.format != null && { format: nestedGrammar(wire.format as JsonObject) }),
    }
    return tool({ case: 'custom', value })
  }
  const definition = wire as JsonObject
  return tool({
    case: 'provider',
    value: { $typeName: 'switchyard.v1.ProviderTool', dialect: 'responses', definition },
  })
}

/** The contract has a grammar as chat completions spell it: nested. */
function nestedGrammar({ type, ...grammar }: JsonObject): JsonObject {
  return type === 'grammar' ? { type, grammar } : { ...grammar, ...(type !== undefined && { type }) }
}

const modes: Readonly<Record<string, Mode>> = { auto: Mode.AUTO, none: Mode.NONE, required: Mode.REQUIRED }

/** Reads a choice of tools; one of a tool that the provider runs is not carried. */
function decodeToolChoice(wire: RequestToolChoice, untranslated: string[]): ToolChoice | undefined {
  const choice = (mode: Mode, names: string[] = []): ToolChoice => ({
    $typeName: 'switchyard.v1.ToolChoice',
    mode,
    names,
  })
  if (typeof wire === 'string') {
    const mode = entryOf(modes, wire)
    if (mode !== undefined) return choice(mode)
    throw fail('invalid_request', `tool_choice: unknown choice "${wire}"`, { param: 'tool_choice' })
  }
  if (wire.type === 'function' || wire.type === 'custom') {
    if (wire.name != null) return choice(Mode.NAMED, [wire.name])
    throw fail('invalid_request', 'tool_choice.name is required', { param: 'tool_choice.name' })
  }
  if (wire.type === 'allowed_tools') {
    const names = (wire.tools ?? []).flatMap((tool, index) => {
      if (typeof tool['name'] === 'string') return [tool['name']]
      untranslated.push(`tool_choice.tools[${index}]`)
      return []
    })
    return choice(wire.mode === 'required' ? Mode.NAMED : Mode.ALLOWED, names)
  }
  untranslated.push('tool_choice')
  return undefined
}

function decodeSampling(wire: CreateResponse, request: ChatRequest, untranslated: string[]): void {
  if (wire.max_output_tokens != null) request.maxOutputTokens = wire.max_output_tokens
  if (wire.temperature != null) request.temperature = wire.temperature
  if (wire.top_p != null) request.topP = wire.top_p
  if (wire.top_logprobs != null && wire.top_logprobs > 0) {
    request.logprobs = true
    request.topLogprobs = wire.top_logprobs
  }
  for (const [index, what] of (wire.include ?? []).entries()) {
    if (what === 'message.output_text.logprobs') request.logprobs = true
    if (!includesKnown.has(what)) untranslated.push(`include[${index}]`)
  }
}

function decodeOptions(wire: CreateResponse, request: ChatRequest, untranslated: string[]): void {
  if (wire.text?.format != null) {
    const format = decodeFormat(wire.text.format)
    if (format === undefined) untranslated.push('text.format')
    else request.responseFormat = format
  }
  if (wire.text != null) noteUnknown(wire.text, { format: 0, verbosity: 0 }, 'text', untranslated)
  if (wire.text?.verbosity != null) request.verbosity = wire.text.verbosity
  if (wire.reasoning != null) {
    const { effort, summary, generate_summary: older } = wire.reasoning
    noteUnknown(wire.reasoning, { effort: 0, summary: 0, generate_summary: 0 }, 'reasoning', untranslated)
    const asked = summary ?? older
    request.reasoning = {
      $typeName: 'switchyard.v1.ReasoningOptions',
      ...(effort != null && { effort }),
      ...(asked != null && { summary: asked }),
    }
  }
  if (wire.service_tier != null) request.serviceTier = wire.service_tier
  if (wire.user != null) request.user = wire.user
  if (wire.prompt_cache_key != null) request.promptCacheKey = wire.prompt_cache_key
  if (wire.store != null) request.store = wire.store
  if (wire.safety_identifier != null) untranslated.push('safety_identifier')
  if (wire.truncation != null && wire.truncation !== 'disabled') untranslated.push('truncation')
  for (const [key, value] of Object.entries(wire.metadata ?? {})) {
    if (typeof value === 'string' && key !== '__proto__') request.metadata[key] = value
    else untranslated.push(`metadata.${key}`)
  }
}

function decodeFormat(wire: RequestFormat): ResponseFormat | undefined {
  const format = (kind: ResponseFormat['kind']): ResponseFormat => ({ $typeName: 'switchyard.v1.ResponseFormat', kind })
  switch (wire.type) {
    case 'text':
      return format({ case: 'text', value: { $typeName: 'switchyard.v1.TextFormat' } })
    case 'json_object':
      return format({ case: 'jsonObject', value: { $typeName: 'switchyard.v1.JsonObjectFormat' } })
    case 'json_schema': {
      const value = {
        $typeName: 'switchyard.v1.JsonSchemaFormat' as const,
        name: wire.name ?? '',
        description: wire.description ?? '',
        ...(wire.schema != null && { schema: wire.schema as JsonObject }),
        ...(wire.strict != null && { strict: wire.strict }),
      }
      return format({ case: 'jsonSchema', value })
    }
    default:
      return undefined
  }
}
