import {
  type ChatRequest,
  type Message,
  type ResponseFormat,
  Role,
  type ToolChoice,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import type { EncodedChat, EncodedCount } from '../contract.ts'
import { replaceModel } from '../json.ts'
import { entryOf } from '../entry.ts'
import { noteDescription, type OptionName, uncarriedOptions } from '../uncarried.ts'
import { encodeContents, type Writing } from './encode-parts.ts'
import { withoutForeign } from './foreign.ts'
import { modeWord } from './words.ts'

/** What differs between Google's two APIs for Gemini. */
export interface GeminiOptions {
  /** Names the vendor in signatures. */
  readonly vendor: string
  /** The first segment of the path. */
  readonly apiVersion: string
  /** What stands before a model's name in a path. */
  readonly modelPrefix: string
  /** True where the provider fetches any https URL, instead of its own files alone. */
  readonly fetchesUrls: boolean
}

/**
 * Writes a request for `generateContent`. A request that came in this dialect goes out as the client wrote it: the model is in the
 * path. Any other is translated, and what has no place in the format is named in `dropped`.
 */
export function encodeRequest(request: ChatRequest, streaming: boolean, options: GeminiOptions): EncodedChat {
  const method = streaming ? 'streamGenerateContent?alt=sse' : 'generateContent'
  const path = `/${options.apiVersion}/${resourceOf(request.model, options)}:${method}`
  const { source } = request
  if (source?.dialect === 'gemini') {
    const { body, dropped } = withoutForeign(source.body, options.vendor)
    return { path, body: withModel(body, request.model, options), dropped, passThrough: true }
  }
  const dropped = [...(source?.untranslated ?? [])]
  return { path, body: JSON.stringify(encodeBody(request, options, dropped)), dropped, passThrough: false }
}

/** The path of `countTokens`, and its body: what would be asked, with the model's name where the Gemini API wants it. */
export function encodeCountRequest(request: ChatRequest, options: GeminiOptions): EncodedCount {
  const resource = resourceOf(request.model, options)
  const { body, dropped } = encodeRequest(request, false, options)
  const asked = JSON.parse(body) as Record<string, unknown>
  const path = `/${options.apiVersion}/${resource}:countTokens`
  const wrapped = isOwnPrefix(options)
    ? { generateContentRequest: { ...asked, model: decodeURIComponent(resource) } }
    : countedByVertex(asked)
  return { path, body: JSON.stringify(wrapped), dropped }
}

function isOwnPrefix({ modelPrefix }: GeminiOptions): boolean {
  return modelPrefix === 'models/'
}

function countedByVertex({ contents, systemInstruction, tools, generationConfig }: Record<string, unknown>): object {
  return { contents, systemInstruction, tools, generationConfig }
}

/** The model's resource name, escaped so that it cannot lead elsewhere. Throws `invalid_request` for one that tries to. */
export function resourceOf(model: string, { modelPrefix }: GeminiOptions): string {
  const named = model.startsWith('models/') ? model.slice('models/'.length) : model
  const segments = named.split('/')
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    throw fail('invalid_request', `"${model}" is no model name`, { param: 'model' })
  const prefix = named.startsWith('tunedModels/') || named.startsWith('projects/') ? '' : modelPrefix
  return prefix + segments.map(encodeURIComponent).join('/')
}

/** The client's own words, but for a model name in them, which some clients repeat from the path. */
function withModel(body: string, model: string, options: GeminiOptions): string {
  if (!body.includes('"model"')) return body
  const { model: named } = JSON.parse(body) as { model?: unknown }
  return typeof named === 'string' ? replaceModel(body, decodeURIComponent(resourceOf(model, options))) : body
}

function encodeBody(request: ChatRequest, options: GeminiOptions, dropped: string[]): object {
  const { vendor, fetchesUrls } = options
  const wantsSignatures = /\bgemini-(?:[3-9]|\d\d)/.test(request.model)
  const writing: Writing = { dropped, names: new Map(), vendor, fetchesUrls, wantsSignatures }
  const turns: (readonly [Message, string])[] = []
  const system: object[] = []
  for (const [index, message] of request.messages.entries()) {
    const path = `messages[${index}]`
    if (message.role !== Role.SYSTEM && message.role !== Role.DEVELOPER) turns.push([message, path])
    else system.push(...encodeContents([[message, path]], writing).flatMap(({ parts }) => parts))
  }
  const contents = encodeContents(turns, writing)
  // Google wants a turn to answer: instructions alone are one.
  const alone = contents.length === 0
  const generationConfig = encodeConfig(request, dropped)
  dropped.push(...uncarriedOptions(request, carried))
  return {
    contents: alone ? [{ role: 'user', parts: system }] : contents,
    ...(system.length > 0 && !alone && { systemInstruction: { parts: system } }),
    ...encodeTools(request, dropped),
    ...(Object.keys(generationConfig).length > 0 && { generationConfig }),
  }
}

/** Options that Google has a field for. */
const carried: readonly OptionName[] = [
  'top_k',
  'seed',
  'presence_penalty',
  'frequency_penalty',
  'n',
  'logprobs',
  'top_logprobs',
  'modalities',
]

// ------------------------------------------------------------------------------------------------------------- tools

function encodeTools(request: ChatRequest, dropped: string[]): object {
  const functionDeclarations: object[] = []
  const others: object[] = []
  for (const [index, { kind, cacheControl }] of request.tools.entries()) {
    if (cacheControl !== undefined) dropped.push(`tools[${index}].cache_control`)
    if (kind.case === 'function') {
      const { name, description, parameters, strict } = kind.value
      if (strict === true) dropped.push(`tools[${index}].strict`)
      functionDeclarations.push({
        name,
        ...(description !== '' && { description }),
        ...(parameters !== undefined && { parametersJsonSchema: parameters }),
      })
    } else if (kind.case === 'provider' && kind.value.dialect === 'gemini') others.push(kind.value.definition ?? {})
    else dropped.push(`tools[${index}]`)
  }
  const tools = [...(functionDeclarations.length > 0 ? [{ functionDeclarations }] : []), ...others]
  return {
    ...(tools.length > 0 && { tools }),
    ...(request.toolChoice !== undefined && encodeToolChoice(request.toolChoice)),
  }
}

function encodeToolChoice({ mode, names }: ToolChoice): object {
  const word = modeWord[mode]
  if (word === undefined) return {}
  const named = (mode === Mode.NAMED || mode === Mode.ALLOWED) && names.length > 0
  return {
    toolConfig: { functionCallingConfig: { mode: word, ...(named && { allowedFunctionNames: names }) } },
  }
}

// ------------------------------------------------------------------------------------------------------- generation

function encodeConfig(request: ChatRequest, dropped: string[]): object {
  const fields: Record<string, unknown> = {
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    maxOutputTokens: request.maxOutputTokens,
    stopSequences: request.stop.length === 0 ? undefined : request.stop,
    candidateCount: request.n,
    seed: request.seed === undefined ? undefined : Number(request.seed),
    presencePenalty: request.presencePenalty,
    frequencyPenalty: request.frequencyPenalty,
    responseLogprobs: request.logprobs,
    logprobs: request.topLogprobs,
    responseModalities:
      request.modalities.length === 0 ? undefined : request.modalities.map((one) => one.toUpperCase()),
    ...(request.responseFormat !== undefined && encodeFormat(request.responseFormat, dropped)),
    thinkingConfig: encodeThinking(request, dropped),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function encodeFormat(format: ResponseFormat, dropped: string[]): object {
  noteDescription(format, dropped)
  const { kind } = format
  switch (kind.case) {
    case 'jsonObject':
      return { responseMimeType: 'application/json' }
    case 'jsonSchema': {
      const { schema } = kind.value
      return { responseMimeType: 'application/json', ...(schema !== undefined && { responseJsonSchema: schema }) }
    }
    default:
      return { responseMimeType: 'text/plain' }
  }
}

/** Google's own equivalents of effort, for models that are told a budget of tokens instead of a level. */
const budgets: Readonly<Record<string, number>> = { none: 0, minimal: 1024, low: 1024, medium: 8192, high: 24_576 }
const levels: ReadonlySet<string> = new Set(['minimal', 'low', 'medium', 'high'])

function encodeThinking({ reasoning, model }: ChatRequest, dropped: string[]): object | undefined {
  if (reasoning === undefined) return undefined
  const { effort, budgetTokens, summary } = reasoning
  const includeThoughts = summary === undefined ? {} : { includeThoughts: true }
  const config = { ...encodeEffort(effort, budgetTokens, model, dropped), ...includeThoughts }
  return Object.keys(config).length === 0 ? undefined : config
}

/** A budget says more than a level, and Google refuses both. */
function encodeEffort(
  effort: string | undefined,
  budget: number | undefined,
  model: string,
  dropped: string[],
): object {
  if (budget !== undefined) {
    if (effort !== undefined) dropped.push('reasoning.effort')
    return { thinkingBudget: budget }
  }
  if (effort === undefined) return {}
  const byBudget = /\bgemini-(?:1|2|robotics)/.test(model)
  const exact = byBudget ? entryOf(budgets, effort) !== undefined : levels.has(effort)
  if (!exact) dropped.push('reasoning.effort')
  if (byBudget) return { thinkingBudget: entryOf(budgets, effort) ?? budgets['high'] }
  if (effort === 'none') return {}
  return { thinkingLevel: levels.has(effort) ? effort.toUpperCase() : 'HIGH' }
}
