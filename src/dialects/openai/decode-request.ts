import type { JsonObject } from '@bufbuild/protobuf'
import {
  type ChatRequest,
  type Message,
  type Part,
  type ResponseFormat,
  Role,
  type Tool,
  type ToolChoice,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import { emptyChatRequest } from '../../model/request.ts'
import type { JsonBody } from '../contract.ts'
import {
  audioId,
  calling,
  fileId,
  inlineAudio,
  inlineFile,
  linkedAudio,
  linkedFile,
  linkedImage,
  message,
  reasoningPart,
  refusalPart,
  textPart,
  toolResult,
} from '../parts.ts'
import { check } from '../validate.ts'
import {
  type ChatCompletionRequest,
  chatCompletionRequest,
  type RequestFormat,
  type RequestMessage,
  type RequestPart,
  type RequestTool,
  type RequestToolChoice,
} from './types.ts'
import { roleOf } from './words.ts'

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
const translatedInMessage: ReadonlySet<string> = new Set([
  'role',
  'content',
  'name',
  'tool_calls',
  'tool_call_id',
  'function_call',
  'refusal',
  'audio',
  'reasoning_content',
  'reasoning',
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
  request.source = { $typeName: 'switchyard.v1.Source', dialect: 'openai', body: body.text, untranslated, headers: {} }
  return {
    request,
    streaming: wire.stream === true,
    includeUsage: wire.stream === true && wire.stream_options?.include_usage === true,
  }
}

/** Reads messages alone, for dialects that have them in this shape. `untranslated` gets the paths that are not carried. */
export function decodeMessages(messages: readonly RequestMessage[], untranslated: string[]): Message[] {
  return messages.map((wire, index) => decodeMessage(wire, `messages[${index}]`, untranslated))
}

function decodeMessage(wire: RequestMessage, path: string, untranslated: string[]): Message {
  for (const key of Object.keys(wire)) {
    if (!translatedInMessage.has(key) && wire[key] != null) untranslated.push(`${path}.${key}`)
  }
  const role = roleOf[wire.role]
  const content = decodeContent(wire.content, path, untranslated)
  if (role === Role.TOOL) {
    const id = wire.tool_call_id ?? wire.name ?? ''
    return message(role, [toolResult(id, content)], wire.tool_call_id == null ? '' : (wire.name ?? ''))
  }
  const parts: Part[] = []
  const reasoning = wire.reasoning_content ?? wire.reasoning ?? ''
  if (reasoning !== '') parts.push(reasoningPart(reasoning))
  parts.push(...content)
  if (wire.refusal != null && wire.refusal !== '') parts.push(refusalPart(wire.refusal))
  if (wire.audio != null) parts.push(audioId(wire.audio.id))
  for (const [index, call] of (wire.tool_calls ?? []).entries()) {
    if (call.custom != null) parts.push(calling(call.id ?? '', call.custom.name ?? '', call.custom.input ?? '', true))
    else
      parts.push(
        calling(
          call.id ?? '',
          nameOf(call.function?.name, `${path}.tool_calls[${index}].function.name`),
          argumentsText(call.function?.arguments),
        ),
      )
  }
  if (wire.function_call != null)
    parts.push(calling(wire.function_call.name, wire.function_call.name, wire.function_call.arguments))
  return message(role, parts, wire.name ?? '')
}

function nameOf(name: string | null | undefined, path: string): string {
  if (name == null || name === '') throw fail('invalid_request', `${path} is required`, { param: path })
  return name
}

/** Arguments as JSON text; some clients send the object itself. */
export function argumentsText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function decodeContent(content: RequestMessage['content'], path: string, untranslated: string[]): Part[] {
  if (content == null) return []
  if (typeof content === 'string') return [textPart(content)]
  return content.flatMap((wire, index) => {
    const decoded = decodePart(wire, `${path}.content[${index}]`)
    if (decoded === undefined) {
      untranslated.push(`${path}.content[${index}]`)
      return []
    }
    if (wire.cache_control != null) decoded.cacheControl = cacheControl(wire.cache_control)
    return [decoded]
  })
}

function cacheControl(wire: Record<string, unknown>): NonNullable<Part['cacheControl']> {
  return {
    $typeName: 'switchyard.v1.CacheControl',
    ttlSeconds: wire['ttl'] === '1h' ? 3600 : wire['ttl'] === '5m' ? 300 : 0,
  }
}

function decodePart(wire: RequestPart, path: string): Part | undefined {
  switch (wire.type) {
    case 'text':
      return textPart(wire.text ?? '')
    case 'refusal':
      return refusalPart(wire.refusal ?? '')
    case 'image_url': {
      if (wire.image_url == null)
        throw fail('invalid_request', `${path}.image_url is required`, { param: `${path}.image_url` })
      const { url, detail } = typeof wire.image_url === 'string' ? { url: wire.image_url, detail: '' } : wire.image_url
      return linkedImage(url, detail ?? '', `${path}.image_url.url`)
    }
    case 'input_audio':
      if (wire.input_audio == null)
        throw fail('invalid_request', `${path}.input_audio is required`, { param: `${path}.input_audio` })
      return typeof wire.input_audio === 'string'
        ? bareAudio(wire.input_audio, `${path}.input_audio`)
        : inlineAudio(wire.input_audio.data, `audio/${wire.input_audio.format ?? 'wav'}`, `${path}.input_audio.data`)
    case 'file': {
      const file = wire.file
      if (file == null) throw fail('invalid_request', `${path}.file is required`, { param: `${path}.file` })
      if (file.file_id != null) return fileId(file.file_id, file.filename ?? '')
      if (file.file_data == null) return undefined
      // Some vendors take a URL in the place of the bytes.
      if (/^https?:/i.test(file.file_data)) return linkedFile(file.file_data, file.filename ?? '')
      return inlineFile(file.file_data, file.filename ?? '', `${path}.file.file_data`)
    }
    default:
      return undefined
  }
}

/** Audio that some vendors take as one string: a URL, or base64 of a format that it does not name. */
function bareAudio(text: string, path: string): Part {
  return /^(?:https?|data):/i.test(text) ? linkedAudio(text, path) : inlineAudio(text, 'audio/wav', path)
}

function decodeTools(wire: ChatCompletionRequest, request: ChatRequest, untranslated: string[]): void {
  request.tools = (wire.tools ?? []).flatMap((tool, index) => decodeTool(tool, `tools[${index}]`, untranslated))
  for (const definition of wire.functions ?? []) {
    const tool = decodeTool({ type: 'function', function: definition }, 'functions', untranslated)
    request.tools.push(...tool)
  }
  const legacy = wire.function_call
  const choice = wire.tool_choice ?? (typeof legacy === 'object' && legacy !== null ? { function: legacy } : legacy)
  if (choice != null) request.toolChoice = decodeToolChoice(choice)
  if (wire.parallel_tool_calls != null) request.parallelToolCalls = wire.parallel_tool_calls
}

/** Reads one tool, into a list of one; one of an unknown kind into an empty list, its path added to `untranslated`. */
export function decodeTool(wire: RequestTool, path: string, untranslated: string[]): Tool[] {
  const hint = wire.cache_control == null ? {} : { cacheControl: cacheControl(wire.cache_control) }
  if (wire.function != null) {
    const { name, description, parameters, strict } = wire.function
    const value = {
      $typeName: 'switchyard.v1.FunctionTool' as const,
      name,
      description: description ?? '',
      ...(parameters != null && { parameters: parameters as JsonObject }),
      ...(strict != null && { strict }),
    }
    return [{ $typeName: 'switchyard.v1.Tool', kind: { case: 'function', value }, ...hint }]
  }
  if (wire.custom != null) {
    const { name, description, format } = wire.custom
    const value = {
      $typeName: 'switchyard.v1.CustomTool' as const,
      name,
      description: description ?? '',
      ...(format != null && { format: format as JsonObject }),
    }
    return [{ $typeName: 'switchyard.v1.Tool', kind: { case: 'custom', value }, ...hint }]
  }
  untranslated.push(path)
  return []
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
  if (wire.logit_bias != null) request.logitBias = { ...wire.logit_bias }
  if (wire.seed == null) return
  if (Number.isSafeInteger(wire.seed)) request.seed = BigInt(wire.seed)
  else untranslated.push('seed')
}

function decodeOptions(wire: ChatCompletionRequest, request: ChatRequest, untranslated: string[]): void {
  if (wire.response_format != null) {
    const format = decodeFormat(wire.response_format)
    if (format === undefined) untranslated.push('response_format')
    else request.responseFormat = format
  }
  if (wire.reasoning_effort != null) {
    request.reasoning = { $typeName: 'switchyard.v1.ReasoningOptions', effort: wire.reasoning_effort }
  }
  if (wire.modalities != null) request.modalities = [...wire.modalities]
  if (wire.audio != null) {
    const { voice } = wire.audio
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
    if (typeof value === 'string') request.metadata[key] = value
    else untranslated.push(`metadata.${key}`)
  }
  if (wire.prediction != null) request.prediction = decodeContent(wire.prediction.content, 'prediction', untranslated)
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
