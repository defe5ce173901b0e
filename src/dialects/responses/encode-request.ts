import type { JsonObject } from '@bufbuild/protobuf'
import {
  type ChatRequest,
  type Message,
  type ResponseFormat,
  Role,
  type Tool,
  type ToolChoice,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import type { EncodedChat } from '../contract.ts'
import { replaceModel } from '../json.ts'
import { type OptionName, uncarriedOptions } from '../uncarried.ts'
import { encodeInput, type ItemOptions } from './encode-input.ts'
import { isForeign } from './seal.ts'

/** What differs between vendors of the Responses API. */
export interface ResponsesOptions extends ItemOptions {
  /** Body fields the vendor refuses: left out of translated requests, and named as dropped. */
  readonly refuses: readonly string[]
}

/**
 * Writes a request as the Responses API wants it. One that came in this dialect goes out as the client wrote it with only the
 * model replaced, and without the sealed reasoning of other vendors; any other is translated, asks the provider to store nothing
 * unless the client wants it, and what has no place in the format is named in `dropped`. Throws `unsupported_field` for what would
 * shape the answer and the API does not have, such as several answers at once.
 */
export function encodeRequest(request: ChatRequest, streaming: boolean, options: ResponsesOptions): EncodedChat {
  const source = request.source
  if (source?.dialect === 'responses') {
    const { body, dropped } = withoutForeign(replaceModel(source.body, request.model))
    return { body, dropped, passThrough: true }
  }
  const dropped = [...(source?.untranslated ?? [])]
  const instructions = instructionsOf(request.messages)
  const body: Record<string, unknown> = {
    model: request.model,
    instructions,
    input: encodeInput(request.messages, instructions === undefined ? 0 : 1, options, dropped),
    ...encodeTools(request, dropped),
    ...encodeSampling(request, dropped),
    ...encodeOptions(request, options, dropped),
    ...(streaming && { stream: true }),
  }
  for (const field of options.refuses) {
    if (body[field] === undefined) continue
    delete body[field]
    dropped.push(field)
  }
  return { body: JSON.stringify(body), dropped, passThrough: false }
}

/** Takes out the items of reasoning that came from another format: this vendor could not read them, and some it must not see. */
function withoutForeign(text: string): { body: string; dropped: string[] } {
  if (!text.includes('switchyard')) return { body: text, dropped: [] }
  const body = JSON.parse(text) as { input?: unknown }
  const items: unknown[] = Array.isArray(body.input) ? body.input : []
  const dropped = items.flatMap((item, index) => (isForeign(item) ? [`input[${index}]`] : []))
  if (dropped.length === 0) return { body: text, dropped }
  return { body: JSON.stringify({ ...body, input: items.filter((item) => !isForeign(item)) }), dropped }
}

/** The first message, where it is the system's and nothing but one text: the format has a field of its own for it. */
function instructionsOf([first]: readonly Message[]): string | undefined {
  if (first?.role !== Role.SYSTEM || first.parts.length !== 1 || first.name !== '') return undefined
  const [part] = first.parts
  return part?.kind.case === 'text' && part.cacheControl === undefined ? part.kind.value.text : undefined
}

function encodeTools(request: ChatRequest, dropped: string[]): object {
  const tools = request.tools.flatMap((tool, index) => encodeTool(tool, `tools[${index}]`, dropped))
  const choice = request.toolChoice
  return {
    ...(tools.length > 0 && { tools }),
    ...(choice !== undefined &&
      choice.mode !== Mode.UNSPECIFIED && { tool_choice: encodeToolChoice(choice, request.tools) }),
    parallel_tool_calls: request.parallelToolCalls,
  }
}

function encodeTool({ kind, cacheControl }: Tool, path: string, dropped: string[]): object[] {
  if (cacheControl !== undefined) dropped.push(`${path}.cache_control`)
  switch (kind.case) {
    case 'function': {
      const { name, description, parameters, strict } = kind.value
      return [
        {
          type: 'function',
          name,
          ...(description !== '' && { description }),
          parameters: parameters ?? { type: 'object', properties: {} },
          strict,
        },
      ]
    }
    case 'custom': {
      const { name, description, format } = kind.value
      return [
        {
          type: 'custom',
          name,
          ...(description !== '' && { description }),
          ...(format !== undefined && { format: flatGrammar(format) }),
        },
      ]
    }
    case 'provider':
      if (kind.value.dialect === 'responses' && kind.value.definition !== undefined) return [kind.value.definition]
      dropped.push(path)
      return []
    default:
      dropped.push(path)
      return []
  }
}

/** A grammar as this format spells it: flat. */
function flatGrammar(format: JsonObject): object {
  const { grammar, ...beside } = format
  const nested = grammar !== null && typeof grammar === 'object' && !Array.isArray(grammar)
  return nested ? { ...beside, ...grammar } : format
}

function encodeToolChoice(choice: ToolChoice, tools: readonly Tool[]): unknown {
  const free = new Set(tools.flatMap(({ kind }) => (kind.case === 'custom' ? [kind.value.name] : [])))
  const named = choice.names.map((name) => ({ type: free.has(name) ? 'custom' : 'function', name }))
  switch (choice.mode) {
    case Mode.NONE:
      return 'none'
    case Mode.REQUIRED:
      return 'required'
    case Mode.NAMED:
      return named.length === 1 ? named[0] : { type: 'allowed_tools', mode: 'required', tools: named }
    case Mode.ALLOWED:
      return { type: 'allowed_tools', mode: 'auto', tools: named }
    default:
      return 'auto'
  }
}

/** Options this format has a field for. */
const carried: readonly OptionName[] = [
  'logprobs',
  'metadata',
  'parallel_tool_calls',
  'prompt_cache_key',
  'service_tier',
  'store',
  'top_logprobs',
  'user',
  'verbosity',
]

function encodeSampling(request: ChatRequest, dropped: string[]): object {
  if (request.stop.length > 0) dropped.push('stop')
  dropped.push(...uncarriedOptions(request, carried))
  return {
    max_output_tokens: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    top_logprobs: request.topLogprobs,
  }
}

function encodeOptions(request: ChatRequest, { vendor }: ResponsesOptions, dropped: string[]): object {
  const { reasoning, responseFormat, verbosity } = request
  if (reasoning?.budgetTokens !== undefined) dropped.push('reasoning.budget_tokens')
  const { effort, summary } = reasoning ?? {}
  const include = [
    ...(reasons(request, vendor) ? ['reasoning.encrypted_content'] : []),
    ...(request.logprobs === true ? ['message.output_text.logprobs'] : []),
  ]
  return {
    ...((responseFormat ?? verbosity) !== undefined && {
      text: { format: responseFormat && encodeFormat(responseFormat), verbosity },
    }),
    ...((effort ?? summary) !== undefined && { reasoning: { effort, summary } }),
    ...(include.length > 0 && { include }),
    service_tier: request.serviceTier,
    user: request.user,
    ...(Object.keys(request.metadata).length > 0 && { metadata: request.metadata }),
    prompt_cache_key: request.promptCacheKey,
    store: request.store === true,
  }
}

/**
 * Whether the model is one that reasons, as far as the request tells: only then may sealed reasoning be asked for, since other
 * models refuse it. It is needed for the next turn, because nothing is stored.
 */
function reasons({ reasoning, messages }: ChatRequest, vendor: string): boolean {
  if (reasoning?.effort !== undefined && reasoning.effort !== 'none') return true
  return messages.some(({ parts }) =>
    parts.some(({ kind }) => kind.case === 'reasoning' && kind.value.signature?.vendor === vendor),
  )
}

function encodeFormat({ kind }: ResponseFormat): object {
  switch (kind.case) {
    case 'jsonObject':
      return { type: 'json_object' }
    case 'jsonSchema': {
      const { name, description, schema, strict } = kind.value
      return {
        type: 'json_schema',
        name: name === '' ? 'answer' : name,
        ...(description !== '' && { description }),
        schema: schema ?? {},
        strict,
      }
    }
    default:
      return { type: 'text' }
  }
}
