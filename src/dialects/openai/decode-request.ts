import type { JsonObject } from '@bufbuild/protobuf'
import {
  type ChatRequest,
  type ResponseFormat,
  type Tool,
  type ToolChoice,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import { emptyChatRequest, sourceOf } from '../../model/request.ts'
import type { JsonBody } from '../contract.ts'
import { noteUnknown } from '../untranslated.ts'
import { check } from '../validate.ts'
import { cacheControl, decodeContent, decodeMessages } from './decode-messages.ts'
import {
  type ChatCompletionRequest,
  chatCompletionRequest,
  known,
  type RequestFormat,
  type RequestTool,
  type RequestToolChoice,
} from './types.ts'

/** Fields of the body that become fields of the contract. */
const translated: ReadonlySet<string> = new Set([
  'audio',
  'frequency_penalty',
  'function_call',
  'functions',
  'logit_bias',
  'logprobs',
  'max_completion_tokens',
  'max_tokens',
  'messages',
  'metadata',
  'modalities',
  'model',
  'n',
  'parallel_tool_calls',
  'prediction',
  'presence_penalty',
  'prompt_cache_key',
  'reasoning_effort',
  'response_format',
  'seed',
  'service_tier',
  'stop',
  'store',
  'stream',
  'stream_options',
  'temperature',
  'tool_choice',
  'tools',
  'top_k',
  'top_logprobs',
  'top_p',
  'user',
  'verbosity',
])

/** A request in the contract's terms, and whether the client wants a stream with usage at its end. */
export interface DecodedRequest {
  readonly request: ChatRequest
  readonly streaming: boolean
  readonly includeUsage: boolean
}

/**
 * Reads a chat completion request. What the contract has no field for stays in `source`, and its paths in
 * `source.untranslated`. Throws `invalid_request`, naming the field.
 */
export function decodeRequest(body: JsonBody): DecodedRequest {
  const wire = check(chatCompletionRequest, body.value)
  const untranslated: string[] = []
  for (const key of Object.keys(wire)) if (!translated.has(key) && wire[key] != null) untranslated.push(key)
  const request = emptyChatRequest(wire.model)
  request.messages = decodeMessages(wire.messages, untranslated)
  decodeTools(wire, request, untranslated)
  decodeSampling(wire, request, untranslated)
  decodeOptions(wire, request, untranslated)
  request.source = sourceOf('openai', body.text, untranslated)
  return {
    request,
    streaming: wire.stream === true,
    includeUsage: wire.stream === true && wire.stream_options?.include_usage === true,
  }
}

function decodeTools(wire: ChatCompletionRequest, request: ChatRequest, untranslated: string[]): void {
  request.tools = (wire.tools ?? []).flatMap((tool, index) => decodeTool(tool, `tools[${index}]`, untranslated))
  for (const [index, definition] of (wire.functions ?? []).entries())
    request.tools.push(decodeFunction(definition, `functions[${index}]`, untranslated))
  const legacy = wire.function_call
  const choice = wire.tool_choice ?? (typeof legacy === 'object' && legacy !== null ? { function: legacy } : legacy)
  if (choice != null) request.toolChoice = decodeToolChoice(choice)
  if (wire.parallel_tool_calls != null) request.parallelToolCalls = wire.parallel_tool_calls
}

/** Reads one tool, into a list of one; one of an unknown kind into an empty list, its path added to `untranslated`. */
export function decodeTool(wire: RequestTool, path: string, untranslated: string[]): Tool[] {
  const hint = wire.cache_control == null ? {} : { cacheControl: cacheControl(wire.cache_control) }
  if (wire.function == null && wire.custom == null) {
    untranslated.push(path)
    return []
  }
  noteUnknown(wire, known.tool, path, untranslated)
  if (wire.function != null) return [{ ...decodeFunction(wire.function, `${path}.function`, untranslated), ...hint }]
  if (wire.custom == null) return []
  noteUnknown(wire.custom, known.customTool, `${path}.custom`, untranslated)
  const { name, description, format } = wire.custom
  const value = {
    $typeName: 'switchyard.v1.CustomTool' as const,
    name,
    description: description ?? '',
    ...(format != null && { format: format as JsonObject }),
  }
  return [{ $typeName: 'switchyard.v1.Tool', kind: { case: 'custom', value }, ...hint }]
}

function decodeFunction(wire: NonNullable<RequestTool['function']>, path: string, untranslated: string[]): Tool {
  noteUnknown(wire, known.functionDefinition, path, untranslated)
  const { name, description, parameters, strict } = wire
  const value = {
    $typeName: 'switchyard.v1.FunctionTool' as const,
    name,
    description: description ?? '',
    ...(parameters != null && { parameters: parameters as JsonObject }),
    ...(strict != null && { strict }),
  }
  return { $typeName: 'switchyard.v1.Tool', kind: { case: 'function', value } }
}

const modes: ReadonlyMap<string, Mode> = new Map([
  ['auto', Mode.AUTO],
  ['none', Mode.NONE],
  ['required', Mode.REQUIRED],
  ['any', Mode.REQUIRED],
])

/** Reads a choice of tools. Throws `invalid_request` for one that is neither a known word nor names tools. */
export function decodeToolChoice(wire: RequestToolChoice): ToolChoice {
  const choice = (mode: Mode, names: string[] = []): ToolChoice => ({
    $typeName: 'switchyard.v1.ToolChoice',
    mode,
    names,
  })
  if (typeof wire === 'string') {
    const mode = modes.get(wire)
    if (mode === undefined)
      throw fail('invalid_request', `tool_choice: unknown choice "${wire}"`, { param: 'tool_choice' })
    return choice(mode)
  }
  // Vendors also take the flat forms that the other formats have.
  const named = wire.function?.name ?? wire.custom?.name ?? wire.name
  if (named != null) return choice(Mode.NAMED, [named])
  if (wire.allowed_tools != null) {
    const names = wire.allowed_tools.tools.flatMap((tool) => {
      const inner = (tool['function'] ?? tool['custom'] ?? tool) as { name?: unknown }
      return typeof inner.name === 'string' ? [inner.name] : []
    })
    return choice(wire.allowed_tools.mode === 'required' ? Mode.NAMED : Mode.ALLOWED, names)
  }
  const mode = modes.get(wire.type ?? '')
  if (mode !== undefined) return choice(mode)
  throw fail('invalid_request', 'tool_choice: expected a function, custom or allowed_tools', { param: 'tool_choice' })
}

function decodeSampling(wire: ChatCompletionRequest, request: ChatRequest, untranslated: string[]): void {
  const limit = wire.max_completion_tokens ?? wire.max_tokens
  if (limit != null) request.maxOutputTokens = limit
  if (wire.temperature != null) request.temperature = wire.temperature
  if (wire.top_p != null) request.topP = wire.top_p
  if (wire.top_k != null) request.topK = wire.top_k
  if (wire.presence_penalty != null) request.presencePenalty = wire.presence_penalty
  if (wire.frequency_penalty != null) request.frequencyPenalty = wire.frequency_penalty
  if (wire.n != null) request.n = wire.n
  if (wire.logprobs != null) request.logprobs = wire.logprobs
  if (wire.top_logprobs != null) request.topLogprobs = wire.top_logprobs
  if (wire.stop != null) request.stop = typeof wire.stop === 'string' ? [wire.stop] : [...wire.stop]
  request.logitBias = decodeBiases(wire.logit_bias, untranslated)
  if (wire.seed == null) return
  if (Number.isSafeInteger(wire.seed)) request.seed = BigInt(wire.seed)
  else untranslated.push('seed')
}

/** Reads biases by token. */
export function decodeBiases(
  wire: ChatCompletionRequest['logit_bias'],
  untranslated: string[],
): Record<string, number> {
  const biases: Record<string, number> = {}
  for (const [token, bias] of Object.entries(wire ?? {})) {
    // The one name whose value a schema of zod does not check, and that no map can have.
    if (token === '__proto__') untranslated.push(`logit_bias.${token}`)
    else biases[token] = bias
  }
  return biases
}

function decodeOptions(wire: ChatCompletionRequest, request: ChatRequest, untranslated: string[]): void {
  if (wire.response_format != null) {
    const format = decodeFormat(wire.response_format)
    if (format === undefined) untranslated.push('response_format')
    else {
      request.responseFormat = format
      noteUnknown(wire.response_format, known.responseFormat, 'response_format', untranslated)
      noteUnknown(wire.response_format.json_schema ?? {}, known.jsonSchema, 'response_format.json_schema', untranslated)
    }
  }
  if (wire.reasoning_effort != null) {
    request.reasoning = { $typeName: 'switchyard.v1.ReasoningOptions', effort: wire.reasoning_effort }
  }
  if (wire.modalities != null) request.modalities = [...wire.modalities]
  if (wire.audio != null) {
    const { voice } = wire.audio
    noteUnknown(wire.audio, known.audio, 'audio', untranslated)
    if (voice !== undefined && typeof voice !== 'string') untranslated.push('audio.voice')
    request.audio = {
      $typeName: 'switchyard.v1.AudioOptions',
      format: wire.audio.format ?? '',
      voice: typeof voice === 'string' ? voice : '',
    }
  }
  if (wire.verbosity != null) request.verbosity = wire.verbosity
  if (wire.service_tier != null) request.serviceTier = wire.service_tier
  if (wire.user != null) request.user = wire.user
  if (wire.prompt_cache_key != null) request.promptCacheKey = wire.prompt_cache_key
  if (wire.store != null) request.store = wire.store
  for (const [key, value] of Object.entries(wire.metadata ?? {})) {
    if (typeof value === 'string' && key !== '__proto__') request.metadata[key] = value
    else untranslated.push(`metadata.${key}`)
  }
  if (wire.prediction != null)
    request.prediction = decodeContent(wire.prediction.content, 'prediction.content', untranslated)
  if (wire.stream_options != null)
    noteUnknown(wire.stream_options, { include_usage: true }, 'stream_options', untranslated)
}

function decodeFormat(wire: RequestFormat): ResponseFormat | undefined {
  switch (wire.type) {
    case 'text':
      return {
        $typeName: 'switchyard.v1.ResponseFormat',
        kind: { case: 'text', value: { $typeName: 'switchyard.v1.TextFormat' } },
      }
    case 'json_object':
      return {
        $typeName: 'switchyard.v1.ResponseFormat',
        kind: { case: 'jsonObject', value: { $typeName: 'switchyard.v1.JsonObjectFormat' } },
      }
    case 'json_schema': {
      const { name, description, schema, strict } = wire.json_schema ?? {}
      const value = {
        $typeName: 'switchyard.v1.JsonSchemaFormat' as const,
        name: name ?? '',
        description: description ?? '',
        ...(schema != null && { schema: schema as JsonObject }),
        ...(strict != null && { strict }),
      }
      return { $typeName: 'switchyard.v1.ResponseFormat', kind: { case: 'jsonSchema', value } }
    }
    default:
      return undefined
  }
}
