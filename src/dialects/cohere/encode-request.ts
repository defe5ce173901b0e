import {
  type ChatRequest,
  type Message,
  type Part,
  type ReasoningOptions,
  type ResponseFormat,
  Role,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { EncodedChat } from '../contract.ts'
import { toDataUrl } from '../parts.ts'
import { noteDescription, uncarriedOptions } from '../uncarried.ts'

/** What differs between services that speak this chat: nothing that is known. */
export interface CohereOptions {
  /** Names the vendor in signatures. */
  readonly vendor: string
}

/** Writes a request as the chat of version 2 wants it. What has no place in the format is named in `dropped`. */
export function encodeRequest(request: ChatRequest, streaming: boolean): EncodedChat {
  const dropped = [
    ...(request.source?.untranslated ?? []),
    ...uncarriedOptions(request, ['top_k', 'seed', 'presence_penalty', 'frequency_penalty']),
  ]
  const body = {
    model: request.model,
    messages: request.messages.flatMap((message, index) => encodeMessage(message, `messages[${index}]`, dropped)),
    ...encodeTools(request, dropped),
    ...encodeSampling(request),
    ...encodeFormat(request.responseFormat, dropped),
    ...encodeReasoning(request.reasoning, dropped),
    stream: streaming,
  }
  return { body: JSON.stringify(body), dropped, passThrough: false }
}

function encodeMessage({ role, parts, name }: Message, path: string, dropped: string[]): object[] {
  if (name !== '') dropped.push(`${path}.name`)
  const results = parts.flatMap((part, index) =>
    part.kind.case === 'toolResult' ? encodeResult(part.kind.value, `${path}.parts[${index}]`, dropped) : [],
  )
  const own = parts.some(({ kind }) => kind.case !== 'toolResult')
  if (!own) return results
  if (role === Role.ASSISTANT) return [...results, encodeAssistant(parts, path, dropped)]
  const content = encodeContent(parts, path, dropped)
  return [...results, { role: role === Role.USER || role === Role.TOOL ? 'user' : 'system', content }]
}

/** What a tool answered, as documents, so that the model can cite them. */
function encodeResult(
  { toolCallId, parts, isError }: { toolCallId: string; parts: Part[]; isError: boolean },
  path: string,
  dropped: string[],
): object[] {
  if (isError) dropped.push(`${path}.is_error`)
  const content = parts.flatMap(({ kind }, index) => {
    if (kind.case === 'text') return [{ type: 'document', document: { data: kind.value.text } }]
    dropped.push(`${path}.parts[${index}]`)
    return []
  })
  return [{ role: 'tool', tool_call_id: toolCallId, content: content.length === 0 ? '' : content }]
}

/** Reasoning before calls goes back as the plan that it was, any other as thinking. */
function encodeAssistant(parts: readonly Part[], path: string, dropped: string[]): object {
  const calls = parts.flatMap(({ kind }) => (kind.case === 'toolCall' ? [kind.value] : []))
  const thoughts = parts.flatMap(({ kind }) => (kind.case === 'reasoning' ? [kind.value] : []))
  if (thoughts.some(({ signature }) => signature !== undefined)) dropped.push(`${path}.reasoning`)
  const thinking = thoughts.map(({ text }) => text).join('')
  const said = parts.filter(({ kind }) => kind.case !== 'reasoning' && kind.case !== 'toolCall')
  const content = encodeContent(said, path, dropped)
  if (calls.length === 0) {
    if (thinking === '') return { role: 'assistant', content }
    const text = typeof content === 'string' ? [{ type: 'text', text: content }] : content
    return { role: 'assistant', content: [{ type: 'thinking', thinking }, ...text] }
  }
  return {
    role: 'assistant',
    ...(content.length > 0 && { content }),
    ...(thinking !== '' && { tool_plan: thinking }),
    tool_calls: calls.map(({ id, name, argumentsJson, custom }) => {
      const given = custom ? JSON.stringify({ input: argumentsJson }) : argumentsJson || '{}'
      return { id, type: 'function', function: { name, arguments: given } }
    }),
  }
}

type Block =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: object }

/** Content as one string where it is a single text, as blocks otherwise. */
function encodeContent(parts: readonly Part[], path: string, dropped: string[]): string | object[] {
  const blocks = parts.flatMap(({ kind, cacheControl }, index): Block[] => {
    const here = `${path}.parts[${index}]`
    if (cacheControl !== undefined) dropped.push(`${here}.cache_control`)
    if (kind.case === 'toolResult') return []
    if (kind.case === 'text' || kind.case === 'refusal') return [{ type: 'text', text: kind.value.text }]
    if (kind.case === 'image' && kind.value.source.case !== undefined) {
      const { source, mediaType, detail } = kind.value
      const url = source.case === 'url' ? source.value : toDataUrl(source.value, mediaType)
      return [{ type: 'image_url', image_url: { url, ...(detail !== '' && { detail }) } }]
    }
    dropped.push(here)
    return []
  })
  if (blocks.length === 0) return ''
  const [only] = blocks
  return blocks.length === 1 && only?.type === 'text' ? only.text : blocks
}

/** The tools and the choice among them. A choice among several is made by showing only those. */
function encodeTools(request: ChatRequest, dropped: string[]): object {
  const { toolChoice } = request
  const mode = toolChoice?.mode ?? Mode.UNSPECIFIED
  const only = mode === Mode.NAMED || mode === Mode.ALLOWED ? new Set(toolChoice?.names) : undefined
  const strict = request.tools.some(({ kind }) => kind.case === 'function' && kind.value.strict === true)
  const tools = request.tools.flatMap(({ kind, cacheControl }, index) => {
    if (cacheControl !== undefined) dropped.push(`tools[${index}].cache_control`)
    if (kind.case !== 'function') {
      dropped.push(`tools[${index}]`)
      return []
    }
    const { name, description, parameters } = kind.value
    if (only !== undefined && !only.has(name)) return []
    const definition = {
      name,
      ...(description !== '' && { description }),
      parameters: parameters ?? { type: 'object', properties: {} },
    }
    return [{ type: 'function', function: definition }]
  })
  if (tools.length === 0) return {}
  const must = mode === Mode.REQUIRED || mode === Mode.NAMED
  return {
    tools,
    ...(strict && { strict_tools: true }),
    ...((must || mode === Mode.NONE) && { tool_choice: must ? 'REQUIRED' : 'NONE' }),
  }
}

/** The vendor's `p` ends at 0.99, which stands for "all". */
function encodeSampling(request: ChatRequest): object {
  const fields: Record<string, unknown> = {
    max_tokens: request.maxOutputTokens,
    temperature: request.temperature,
    p: request.topP === undefined ? undefined : Math.min(request.topP, 0.99),
    k: request.topK,
    seed: request.seed === undefined ? undefined : Number(request.seed),
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
    stop_sequences: request.stop.length === 0 ? undefined : request.stop,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function encodeFormat(format: ResponseFormat | undefined, dropped: string[]): object {
  if (format !== undefined) noteDescription(format, dropped)
  const kind = format?.kind
  if (kind?.case === 'jsonObject') return { response_format: { type: 'json_object' } }
  if (kind?.case !== 'jsonSchema') return {}
  const { schema } = kind.value
  return { response_format: { type: 'json_object', ...(schema !== undefined && { json_schema: schema }) } }
}

/** Thinking is on, with a budget or without, or off: how hard the model tries has no place. */
function encodeReasoning(reasoning: ReasoningOptions | undefined, dropped: string[]): object {
  if (reasoning === undefined) return {}
  const { effort, budgetTokens, summary } = reasoning
  if (summary !== undefined) dropped.push('reasoning.summary')
  if (effort === 'none' || budgetTokens === 0) return { thinking: { type: 'disabled' } }
  if (effort !== undefined) dropped.push('reasoning.effort')
  if (budgetTokens !== undefined) return { thinking: { type: 'enabled', token_budget: budgetTokens } }
  return effort === undefined ? {} : { thinking: { type: 'enabled' } }
}
