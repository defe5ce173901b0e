import {
  type ChatRequest,
  type ResponseFormat,
  Role,
  type Tool,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import type { EncodedChat } from '../contract.ts'
import { uncarriedOptions } from '../uncarried.ts'
import { cachePoint, encodeParts, type PartContext } from './encode-parts.ts'
import { modelFields } from './model-fields.ts'

/** What differs between services that speak Converse. */
export interface ConverseOptions {
  /** Names the vendor in signatures. */
  readonly vendor: string
}

interface WireMessage {
  readonly role: 'user' | 'assistant'
  readonly content: object[]
}

/** Classes of service that Converse knows. */
const tiers = new Set(['priority', 'default', 'flex', 'reserved'])

/**
 * Writes a request as Converse wants it: the model in the path, system texts apart, and messages of user and assistant in turn.
 * What has no place in the format is named in `dropped`.
 */
export function encodeRequest(request: ChatRequest, streaming: boolean, { vendor }: ConverseOptions): EncodedChat {
  const tier = tiers.has(request.serviceTier ?? '')
  const dropped = [
    ...(request.source?.untranslated ?? []),
    ...uncarriedOptions(request, ['top_k', 'metadata', ...(tier ? (['service_tier'] as const) : [])]),
  ]
  const context: PartContext = { vendor, dropped, documents: new Set() }
  const { system, messages } = encodeMessages(request, context)
  const inferenceConfig = encodeInference(request)
  const more = modelFields(request, dropped)
  const body = {
    messages,
    ...(system.length > 0 && { system }),
    ...(Object.keys(inferenceConfig).length > 0 && { inferenceConfig }),
    ...encodeTools(request, dropped),
    ...encodeFormat(request.responseFormat, dropped),
    ...(Object.keys(more).length > 0 && { additionalModelRequestFields: more }),
    ...(Object.keys(request.metadata).length > 0 && { requestMetadata: request.metadata }),
    ...(tier && { serviceTier: { type: request.serviceTier } }),
  }
  return {
    body: JSON.stringify(body),
    path: `/model/${segmentOf(request.model)}/${streaming ? 'converse-stream' : 'converse'}`,
    headers: { accept: streaming ? 'application/vnd.amazon.eventstream' : 'application/json' },
    dropped,
    passThrough: false,
  }
}

/** Messages of one role that follow each other become one, since user and assistant must alternate. */
function encodeMessages(request: ChatRequest, context: PartContext): { system: object[]; messages: WireMessage[] } {
  const system: object[] = []
  const messages: WireMessage[] = []
  for (const [index, { role, parts, name }] of request.messages.entries()) {
    const path = `messages[${index}]`
    if (name !== '') context.dropped.push(`${path}.name`)
    const content = encodeParts(parts, path, context)
    if (role === Role.SYSTEM || role === Role.DEVELOPER) {
      system.push(...content)
      continue
    }
    if (content.length === 0) continue
    const wireRole = role === Role.ASSISTANT ? 'assistant' : 'user'
    const last = messages.at(-1)
    if (last?.role === wireRole) last.content.push(...content)
    else messages.push({ role: wireRole, content })
  }
  return { system, messages }
}

function encodeInference(request: ChatRequest): object {
  return {
    ...(request.maxOutputTokens !== undefined && { maxTokens: request.maxOutputTokens }),
    ...(request.temperature !== undefined && { temperature: request.temperature }),
    ...(request.topP !== undefined && { topP: request.topP }),
    ...(request.stop.length > 0 && { stopSequences: request.stop }),
  }
}

/**
 * The tools and the choice among them. A choice among several is made by showing only those. There is no word for "none": the
 * tools are left out, unless earlier calls are in the conversation, which must not be without tools.
 */
function encodeTools(request: ChatRequest, dropped: string[]): object {
  const { toolChoice } = request
  const mode = toolChoice?.mode ?? Mode.UNSPECIFIED
  if (mode === Mode.NONE && !mentionsTools(request)) return {}
  if (mode === Mode.NONE && request.tools.length > 0) dropped.push('tool_choice')
  const only = mode === Mode.NAMED || mode === Mode.ALLOWED ? new Set(toolChoice?.names) : undefined
  const tools = request.tools.flatMap((tool, index) => encodeTool(tool, `tools[${index}]`, only, dropped))
  if (tools.length === 0) return {}
  return { toolConfig: { tools, ...encodeToolChoice(mode, toolChoice?.names ?? []) } }
}

function mentionsTools({ messages }: ChatRequest): boolean {
  return messages.some(({ parts }) => parts.some(({ kind }) => kind.case === 'toolCall' || kind.case === 'toolResult'))
}

function encodeToolChoice(mode: Mode, names: readonly string[]): object {
  switch (mode) {
    case Mode.AUTO:
    case Mode.ALLOWED:
      return { toolChoice: { auto: {} } }
    case Mode.REQUIRED:
      return { toolChoice: { any: {} } }
    case Mode.NAMED:
      return { toolChoice: names.length === 1 ? { tool: { name: names[0] } } : { any: {} } }
    default:
      return {}
  }
}

function encodeTool(tool: Tool, path: string, only: ReadonlySet<string> | undefined, dropped: string[]): object[] {
  const { kind } = tool
  const hint = tool.cacheControl === undefined ? [] : [cachePoint(tool.cacheControl)]
  if (kind.case === 'provider' && kind.value.dialect === 'bedrock') return [kind.value.definition ?? {}, ...hint]
  if (kind.case !== 'function') {
    dropped.push(path)
    return []
  }
  const { name, description, parameters, strict } = kind.value
  if (only !== undefined && !only.has(name)) return []
  const toolSpec = {
    name,
    ...(description !== '' && { description }),
    inputSchema: { json: parameters ?? { type: 'object', properties: {} } },
    ...(strict !== undefined && { strict }),
  }
  return [{ toolSpec }, ...hint]
}

function encodeFormat(format: ResponseFormat | undefined, dropped: string[]): object {
  if (format?.kind.case === 'jsonObject') dropped.push('response_format')
  if (format?.kind.case !== 'jsonSchema') return {}
  const { name, description, schema } = format.kind.value
  const jsonSchema = {
    name: name === '' ? 'answer' : name,
    schema: JSON.stringify(schema ?? { type: 'object' }),
    ...(description !== '' && { description }),
  }
  return { outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema } } } }
}

/** The model as one segment of a path. Throws `invalid_request` for one that would lead to another path. */
function segmentOf(model: string): string {
  if (/^\.{1,2}$/.test(model)) throw fail('invalid_request', `"${model}" is no model name`, { param: 'model' })
  return encodeURIComponent(model)
}
