import type { JsonObject } from '@bufbuild/protobuf'
import { type ChatRequest, type Tool, ToolChoice_Mode as Mode } from '#gen/switchyard/v1/chat_pb.ts'
import type { EncodedChat, EncodedCount } from '../contract.ts'
import { replaceModel } from '../json.ts'
import { entryOf } from '../entry.ts'
import { noteDescription, uncarriedOptions } from '../uncarried.ts'
import { type BlockOptions, encodeCacheControl, encodeMessages } from './encode-blocks.ts'
import { encodeReasoning } from './encode-reasoning.ts'
import { withoutForeign } from './foreign.ts'
import { carriedHeaders } from './headers.ts'

/** What differs between vendors that speak Anthropic's messages. */
export interface MessagesOptions extends BlockOptions {
  /** The version of the API, for requests that did not come in this format with a version of their own. */
  readonly version: string
  /** The limit of output tokens where the request has none: the format demands one. */
  readonly maxTokens: number
}

/**
 * Writes a request as `/v1/messages` wants it. A request that came in this format goes out as the client wrote it, with only the
 * model replaced and other vendors' sealed values left out; any other is translated, and what has no place in the format is named
 * in `dropped`.
 */
export function encodeRequest(request: ChatRequest, streaming: boolean, options: MessagesOptions): EncodedChat {
  const { source } = request
  const headers = { 'anthropic-version': options.version, ...ownHeaders(request) }
  if (source?.dialect === 'anthropic') {
    const { body, dropped } = withoutForeign(source.body, options)
    return { body: replaceModel(body, request.model), headers, dropped, passThrough: true }
  }
  const { body, dropped } = translate(request, options)
  return {
    body: JSON.stringify({ ...body, ...(streaming && { stream: true }) }),
    headers,
    dropped,
    passThrough: false,
  }
}

/** What may be said to the endpoint that counts; it refuses everything else. */
const counted = new Set([
  'model',
  'messages',
  'system',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'output_format',
  'cache_control',
  'mcp_servers',
  'context_management',
])

/** Writes a request as `/v1/messages/count_tokens` wants it. */
export function encodeCount(request: ChatRequest, options: MessagesOptions): EncodedCount {
  const { source } = request
  const headers = { 'anthropic-version': options.version, ...ownHeaders(request) }
  const path = '/v1/messages/count_tokens'
  if (source?.dialect !== 'anthropic') {
    const { body, dropped } = translate(request, options)
    return { path, headers, body: countedBody(body), dropped }
  }
  const { body, dropped } = withoutForeign(source.body, options)
  const given = JSON.parse(body) as JsonObject
  const refused = [
    'max_tokens',
    'stream',
    'temperature',
    'top_p',
    'top_k',
    'stop_sequences',
    'metadata',
    'service_tier',
  ]
  const asWritten = refused.every((name) => given[name] === undefined)
  return { path, headers, body: replaceModel(asWritten ? body : countedBody(given), request.model), dropped }
}

function countedBody(body: object): string {
  return JSON.stringify(Object.fromEntries(Object.entries(body).filter(([name]) => counted.has(name))))
}

/** The client's own version and betas, where it speaks this format. */
function ownHeaders({ source }: ChatRequest): Record<string, string> {
  return source?.dialect === 'anthropic' ? carriedHeaders((name) => source.headers[name]) : {}
}

function translate(request: ChatRequest, options: MessagesOptions): { body: object; dropped: string[] } {
  const dropped = [...(request.source?.untranslated ?? [])]
  const { system, messages } = encodeMessages(request.messages, request.model, options, dropped)
  const { thinking, effort, maxTokens, derived } = encodeReasoning(request, options, dropped)
  const format = encodeFormat(request, dropped)
  const body = {
    model: request.model,
    max_tokens: maxTokens,
    ...(system.length > 0 && { system }),
    messages,
    ...encodeTools(request, dropped),
    ...encodeSampling(request, derived && thinking !== undefined, dropped),
    thinking,
    ...((effort !== undefined || format !== undefined) && {
      output_config: { effort, format },
    }),
  }
  dropped.push(...uncarriedOptions(request, ['parallel_tool_calls', 'top_k', 'service_tier', 'user']))
  return { body, dropped }
}

function encodeTools(request: ChatRequest, dropped: string[]): object {
  const tools = request.tools.flatMap((tool, index) => encodeTool(tool, `tools[${index}]`, dropped))
  if (tools.length === 0) return {}
  const choice = encodeToolChoice(request, dropped)
  return { tools, tool_choice: choice }
}

function encodeTool({ kind, cacheControl }: Tool, path: string, dropped: string[]): JsonObject[] {
  const hint = cacheControl === undefined ? {} : { cache_control: encodeCacheControl(cacheControl.ttlSeconds) }
  if (kind.case === 'provider' && kind.value.dialect === 'anthropic' && kind.value.definition !== undefined)
    return [{ ...kind.value.definition, ...hint }]
  if (kind.case !== 'function') {
    dropped.push(path)
    return []
  }
  const { name, description, parameters, strict } = kind.value
  const schema: JsonObject = parameters ?? { properties: {} }
  return [
    {
      name,
      ...(description !== '' && { description }),
      input_schema: schema['type'] === undefined ? { type: 'object', ...schema } : schema,
      ...(strict !== undefined && { strict }),
      ...hint,
    },
  ]
}

function encodeToolChoice(
  { toolChoice, parallelToolCalls: parallel }: ChatRequest,
  dropped: string[],
): object | undefined {
  const alone = parallel === undefined ? {} : { disable_parallel_tool_use: !parallel }
  const [name, ...more] = toolChoice?.names ?? []
  switch (toolChoice?.mode) {
    case Mode.NONE:
      return { type: 'none' }
    case Mode.REQUIRED:
      return { type: 'any', ...alone }
    case Mode.NAMED:
      if (more.length > 0) dropped.push('tool_choice.names')
      return more.length === 0 && name !== undefined ? { type: 'tool', name, ...alone } : { type: 'any', ...alone }
    case Mode.ALLOWED:
      dropped.push('tool_choice.names')
      return { type: 'auto', ...alone }
    case Mode.AUTO:
      return { type: 'auto', ...alone }
    default:
      return parallel === false ? { type: 'auto', ...alone } : undefined
  }
}

const tiers: Readonly<Record<string, string>> = {
  auto: 'auto',
  standard_only: 'standard_only',
  default: 'standard_only',
}

/** `thinks`: the request did not ask for thinking in this format's terms, so what does not go with it stands back. */
function encodeSampling(request: ChatRequest, thinks: boolean, dropped: string[]): object {
  const { temperature, topK, topP, stop, serviceTier, user } = request
  const tier = entryOf(tiers, serviceTier)
  if (serviceTier !== undefined && tier === undefined) dropped.push('service_tier')
  if (thinks && temperature !== undefined) dropped.push('temperature')
  if (thinks && topK !== undefined) dropped.push('top_k')
  return {
    ...(temperature !== undefined && !thinks && { temperature }),
    top_p: topP,
    ...(topK !== undefined && !thinks && { top_k: topK }),
    ...(stop.length > 0 && { stop_sequences: stop }),
    service_tier: tier,
    ...(user !== undefined && { metadata: { user_id: user } }),
  }
}

function encodeFormat({ responseFormat }: ChatRequest, dropped: string[]): JsonObject | undefined {
  if (responseFormat === undefined) return undefined
  const { kind } = responseFormat
  noteDescription(responseFormat, dropped)
  if (kind.case === 'jsonSchema' && kind.value.schema !== undefined)
    return { type: 'json_schema', schema: kind.value.schema }
  if (kind.case === 'jsonSchema' || kind.case === 'jsonObject') dropped.push('response_format')
  return undefined
}
