import {
  type ChatRequest,
  type Message,
  type Part,
  type ResponseFormat,
  Role,
  type ToolCall,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { EncodedChat } from '../contract.ts'
import { encodeBase64 } from '../parts.ts'
import { noteDescription, noteDetail, uncarriedOptions } from '../uncarried.ts'

/** What differs between servers that speak this chat: nothing that is known. */
export interface OllamaOptions {
  /** Names the vendor in signatures. */
  readonly vendor: string
}

/** Writes a request as the native chat wants it. What has no place in the format is named in `dropped`. */
export function encodeRequest(request: ChatRequest, streaming: boolean): EncodedChat {
  const carried = ['top_k', 'seed', 'presence_penalty', 'frequency_penalty', 'logprobs', 'top_logprobs'] as const
  const dropped = [...(request.source?.untranslated ?? []), ...uncarriedOptions(request, carried)]
  const names = toolNames(request.messages)
  const options = encodeSampling(request)
  const body = {
    model: request.model,
    messages: request.messages.flatMap((message, at) => encodeMessage(message, `messages[${at}]`, names, dropped)),
    ...encodeTools(request, dropped),
    ...encodeFormat(request.responseFormat, dropped),
    ...encodeThinking(request, dropped),
    ...(request.logprobs !== undefined && { logprobs: request.logprobs }),
    ...(request.topLogprobs !== undefined && { top_logprobs: request.topLogprobs }),
    ...(Object.keys(options).length > 0 && { options }),
    stream: streaming,
  }
  return {
    body: JSON.stringify(body),
    headers: { accept: streaming ? 'application/x-ndjson' : 'application/json' },
    dropped,
    passThrough: false,
  }
}

/** The name of the tool of each call: results must name it. */
function toolNames(messages: readonly Message[]): ReadonlyMap<string, string> {
  return new Map(
    messages.flatMap(({ parts }) =>
      parts.flatMap(({ kind }) => (kind.case === 'toolCall' ? [[kind.value.id, kind.value.name] as const] : [])),
    ),
  )
}

const roleWord: Readonly<Record<Role, string>> = {
  [Role.UNSPECIFIED]: 'user',
  [Role.SYSTEM]: 'system',
  [Role.DEVELOPER]: 'system',
  [Role.USER]: 'user',
  [Role.ASSISTANT]: 'assistant',
  [Role.TOOL]: 'user',
}

function encodeMessage(
  { role, parts, name }: Message,
  path: string,
  names: ReadonlyMap<string, string>,
  dropped: string[],
): object[] {
  if (name !== '') dropped.push(`${path}.name`)
  const results = parts.flatMap(({ kind }, index) => {
    if (kind.case !== 'toolResult') return []
    const { toolCallId, parts: said, isError } = kind.value
    const here = `${path}.parts[${index}]`
    if (isError) dropped.push(`${here}.is_error`)
    const tool = { tool_name: names.get(toolCallId) ?? '', tool_call_id: toolCallId }
    return [{ role: 'tool', ...encodeContent(said, here, dropped), ...tool }]
  })
  const own = parts.some(({ kind }) => kind.case !== 'toolResult')
  if (!own && parts.length > 0) return results
  return [...results, { role: roleWord[role], ...encodeContent(parts, path, dropped) }]
}

/** Texts are joined, as there is one string for them; images are a list beside it. */
function encodeContent(parts: readonly Part[], path: string, dropped: string[]): object {
  const images: string[] = []
  const calls: object[] = []
  let content = ''
  let thinking = ''
  for (const [index, { kind, cacheControl }] of parts.entries()) {
    const here = `${path}.parts[${index}]`
    if (cacheControl !== undefined) dropped.push(`${here}.cache_control`)
    if (kind.case === 'text' || kind.case === 'refusal') content += kind.value.text
    else if (kind.case === 'toolCall') calls.push(encodeCall(kind.value, calls.length, here, dropped))
    else if (kind.case === 'image' && kind.value.source.case === 'data') {
      images.push(encodeBase64(kind.value.source.value))
      noteDetail(kind.value, here, dropped)
    } else if (kind.case === 'reasoning' && !kind.value.redacted) {
      thinking += kind.value.text
      if (kind.value.signature !== undefined) dropped.push(`${here}.signature`)
    } else if (kind.case !== 'toolResult') dropped.push(here)
  }
  return {
    content,
    ...(thinking !== '' && { thinking }),
    ...(images.length > 0 && { images }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
}

/** Arguments are an object here: free text becomes its `input`, and arguments that were cut short are left out and named. */
function encodeCall({ id, name, argumentsJson, custom }: ToolCall, index: number, path: string, dropped: string[]) {
  const given = custom ? { input: argumentsJson } : objectOf(argumentsJson)
  if (given === undefined) dropped.push(`${path}.arguments_json`)
  return { id, function: { index, name, arguments: given ?? {} } }
}

function objectOf(json: string): object | undefined {
  try {
    const value: unknown = JSON.parse(json === '' ? '{}' : json)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The tools; of the choices among them only "none" and "these" can be said, by showing none and only these. */
function encodeTools(request: ChatRequest, dropped: string[]): object {
  const { toolChoice } = request
  const mode = toolChoice?.mode ?? Mode.UNSPECIFIED
  if (mode === Mode.NONE) return {}
  if (mode === Mode.REQUIRED || mode === Mode.NAMED) dropped.push('tool_choice')
  const only = mode === Mode.NAMED || mode === Mode.ALLOWED ? new Set(toolChoice?.names) : undefined
  const tools = request.tools.flatMap(({ kind, cacheControl }, index) => {
    if (cacheControl !== undefined) dropped.push(`tools[${index}].cache_control`)
    if (kind.case !== 'function') {
      dropped.push(`tools[${index}]`)
      return []
    }
    const { name, description, parameters, strict } = kind.value
    if (only !== undefined && !only.has(name)) return []
    if (strict === true) dropped.push(`tools[${index}].function.strict`)
    const definition = { name, description, parameters: parameters ?? { type: 'object', properties: {} } }
    return [{ type: 'function', function: definition }]
  })
  return tools.length === 0 ? {} : { tools }
}

function encodeSampling(request: ChatRequest): object {
  const fields: Record<string, unknown> = {
    num_predict: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    seed: request.seed === undefined ? undefined : Number(request.seed),
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
    stop: request.stop.length === 0 ? undefined : request.stop,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function encodeFormat(format: ResponseFormat | undefined, dropped: string[]): object {
  if (format !== undefined) noteDescription(format, dropped)
  const kind = format?.kind
  if (kind?.case === 'jsonObject') return { format: 'json' }
  return kind?.case === 'jsonSchema' ? { format: kind.value.schema ?? 'json' } : {}
}

/** Thinking is on or off; only gpt-oss knows levels of it. */
function encodeThinking({ model, reasoning }: ChatRequest, dropped: string[]): object {
  if (reasoning === undefined) return {}
  const { effort, budgetTokens, summary } = reasoning
  if (summary !== undefined) dropped.push('reasoning.summary')
  if (effort === 'none' || budgetTokens === 0) return { think: false }
  if (budgetTokens !== undefined) dropped.push('reasoning.budget_tokens')
  if (effort === undefined) return budgetTokens === undefined ? {} : { think: true }
  if (model.includes('gpt-oss')) return { think: { minimal: 'low', xhigh: 'high' }[effort] ?? effort }
  dropped.push('reasoning.effort')
  return { think: true }
}
