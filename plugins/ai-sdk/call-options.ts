import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4ToolChoice,
} from '@ai-sdk/provider'
import { type ChatRequest, ToolChoice_Mode as Mode, uncarriedOptions } from '#provider'
import { encodePrompt } from './prompt.ts'

/** A request as the AI SDK's models take it, and the paths of what has no place there. */
export interface EncodedCall {
  readonly options: LanguageModelV4CallOptions
  readonly dropped: readonly string[]
}

type Efforts = NonNullable<LanguageModelV4CallOptions['reasoning']>
const efforts: ReadonlySet<string> = new Set<Efforts>(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'])

/** Options that the AI SDK's call options have a place for. */
const carried = ['top_k', 'seed', 'presence_penalty', 'frequency_penalty'] as const

/**
 * Writes a request for a model of version 3 or 4, which differ in how files are given and in that 4 has reasoning. Opaque values
 * go back only to `vendor`. Throws `unsupported_field` for what shapes the answer and has no place there.
 */
export function callOptions(request: ChatRequest, vendor: string, version: 'v3' | 'v4'): EncodedCall {
  const dropped = [...(request.source?.untranslated ?? []), ...uncarriedOptions(request, carried)]
  if (request.reasoning?.budgetTokens !== undefined) dropped.push('reasoning.budget_tokens')
  if (request.reasoning?.summary !== undefined) dropped.push('reasoning.summary')
  const prompt = encodePrompt(request.messages, { vendor, version, dropped })
  const tools = encodeTools(request, dropped)
  const toolChoice = encodeChoice(request, dropped)
  const effort = request.reasoning?.effort
  const reasons = effort !== undefined && version === 'v4' && efforts.has(effort)
  if (effort !== undefined && !reasons) dropped.push('reasoning.effort')
  const options: LanguageModelV4CallOptions = {
    prompt,
    ...given({
      maxOutputTokens: request.maxOutputTokens,
      temperature: request.temperature,
      topP: request.topP,
      topK: request.topK,
      presencePenalty: request.presencePenalty,
      frequencyPenalty: request.frequencyPenalty,
      seed: request.seed === undefined ? undefined : Number(request.seed),
    }),
    ...(request.stop.length > 0 && { stopSequences: request.stop }),
    ...(tools.length > 0 && { tools }),
    ...(toolChoice && { toolChoice }),
    ...(reasons && { reasoning: effort as Efforts }),
    ...encodeFormat(request),
  }
  return { options, dropped }
}

function given<Fields extends object>(fields: Fields): { [Key in keyof Fields]?: NonNullable<Fields[Key]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Fields]?: NonNullable<Fields[Key]>
  }
}

function encodeTools({ tools }: ChatRequest, dropped: string[]): LanguageModelV4FunctionTool[] {
  return tools.flatMap(({ kind, cacheControl }, index) => {
    if (cacheControl !== undefined) dropped.push(`tools[${index}].cache_control`)
    if (kind.case === 'function') {
      const { name, description, parameters, strict } = kind.value
      const inputSchema = (parameters ?? {
        type: 'object',
        properties: {},
      }) as LanguageModelV4FunctionTool['inputSchema']
      const described = description === '' ? {} : { description }
      return [{ type: 'function', name, ...described, inputSchema, ...(strict !== undefined && { strict }) }]
    }
    dropped.push(`tools[${index}]`)
    return []
  })
}

function encodeChoice({ toolChoice }: ChatRequest, dropped: string[]): LanguageModelV4ToolChoice | undefined {
  const [only, second] = toolChoice?.names ?? []
  switch (toolChoice?.mode) {
    case Mode.AUTO:
      return { type: 'auto' }
    case Mode.NONE:
      return { type: 'none' }
    case Mode.REQUIRED:
      return { type: 'required' }
    case Mode.NAMED:
      if (only !== undefined && second === undefined) return { type: 'tool', toolName: only }
      dropped.push('tool_choice')
      return { type: 'required' }
    case Mode.ALLOWED:
      dropped.push('tool_choice')
      return { type: 'auto' }
    default:
      return undefined
  }
}

function encodeFormat({ responseFormat }: ChatRequest): Pick<LanguageModelV4CallOptions, 'responseFormat'> {
  const kind = responseFormat?.kind
  if (kind?.case === 'jsonObject') return { responseFormat: { type: 'json' } }
  if (kind?.case !== 'jsonSchema') return {}
  const { name, description, schema } = kind.value
  const described = { ...(name !== '' && { name }), ...(description !== '' && { description }) }
  return { responseFormat: { type: 'json', ...described, ...(schema && { schema }) } }
}
