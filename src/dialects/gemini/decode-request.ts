import type { JsonObject } from '@bufbuild/protobuf'
import {
  type ChatRequest,
  type Message,
  type Part,
  Role,
  type Tool,
  type ToolChoice,
  ToolChoice_Mode as Mode,
} from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import { emptyChatRequest, sourceOf } from '../../model/request.ts'
import type { JsonBody } from '../contract.ts'
import { message, textPart } from '../parts.ts'
import { noteUnknown } from '../untranslated.ts'
import { check } from '../validate.ts'
import { CallBook, decodePart, type Reading } from './decode-parts.ts'
import { jsonSchemaOf } from './schema.ts'
import { camelCased } from './spelling.ts'
import {
  countTokensRequest,
  type GenerateContentRequest,
  generateContentRequest,
  type GenerationConfig,
  known,
  type RequestContent,
} from './types.ts'
import { modeWordOf } from './words.ts'

/**
 * Reads a `generateContent` request for the model that its path names. What the contract has no field for stays in `source`, and
 * its paths, in lowerCamelCase, in `source.untranslated`. Throws `invalid_request`, naming the field.
 */
export function decodeRequest(body: JsonBody, model: string): ChatRequest {
  return translate(check(generateContentRequest, camelCased(body.value)), model, body.text)
}

/** Reads a `countTokens` request: contents alone, or a whole `generateContentRequest`. Throws as {@link decodeRequest} does. */
export function decodeCountRequest(body: JsonBody, model: string): ChatRequest {
  const spelled = camelCased(body.value)
  const inner =
    check(countTokensRequest, spelled).generateContentRequest == null ? undefined : spelled['generateContentRequest']
  if (inner === undefined) return decodeRequest(body, model)
  const whole = body.value['generateContentRequest'] ?? body.value['generate_content_request']
  return translate(check(generateContentRequest, inner), model, JSON.stringify(whole))
}

function translate(wire: GenerateContentRequest, model: string, text: string): ChatRequest {
  const reading: Reading = { untranslated: [], calls: new CallBook() }
  const { untranslated } = reading
  noteUnknown(wire, known.request, '', untranslated)
  const request = emptyChatRequest(model)
  const { systemInstruction } = wire
  if (typeof systemInstruction === 'string') request.messages.push(message(Role.SYSTEM, [textPart(systemInstruction)]))
  else if (systemInstruction != null) {
    const parts = decodeParts(systemInstruction, 'systemInstruction', reading)
    if (parts.length > 0) request.messages.push(message(Role.SYSTEM, parts))
  }
  for (const [index, content] of wire.contents.entries())
    request.messages.push(decodeContent(content, `contents[${index}]`, reading))
  decodeTools(wire, request, untranslated)
  if (wire.generationConfig != null) decodeConfig(wire.generationConfig, request, untranslated)
  request.source = sourceOf('gemini', text, untranslated)
  return request
}

function decodeContent(wire: RequestContent, path: string, reading: Reading): Message {
  const parts = decodeParts(wire, path, reading)
  if (wire.role === 'model') return message(Role.ASSISTANT, parts)
  if (wire.role === 'system') return message(Role.SYSTEM, parts)
  const results = parts.length > 0 && parts.every(({ kind }) => kind.case === 'toolResult')
  return message(results ? Role.TOOL : Role.USER, parts)
}

function decodeParts(wire: RequestContent, path: string, reading: Reading): Part[] {
  noteUnknown(wire, known.content, path, reading.untranslated)
  return (wire.parts ?? []).flatMap((part, index) => decodePart(part, `${path}.parts[${index}]`, reading) ?? [])
}

// ------------------------------------------------------------------------------------------------------------- tools

function decodeTools(wire: GenerateContentRequest, request: ChatRequest, untranslated: string[]): void {
  for (const [index, { functionDeclarations, ...others }] of (wire.tools ?? []).entries()) {
    for (const [at, declaration] of (functionDeclarations ?? []).entries()) {
      const path = `tools[${index}].functionDeclarations[${at}]`
      noteUnknown(declaration, known.functionDeclaration, path, untranslated)
      const { name, description, parameters, parametersJsonSchema } = declaration
      const schema = parametersJsonSchema ?? (parameters == null ? undefined : jsonSchemaOf(parameters as JsonObject))
      const value = {
        $typeName: 'switchyard.v1.FunctionTool' as const,
        name,
        description: description ?? '',
        ...(schema !== undefined && { parameters: schema as JsonObject }),
      }
      request.tools.push(toolOf({ case: 'function', value }))
    }
    for (const [name, settings] of Object.entries(others)) {
      if (settings == null) continue
      const definition = { [name]: settings } as JsonObject
      const value = { $typeName: 'switchyard.v1.ProviderTool' as const, dialect: 'gemini', definition }
      request.tools.push(toolOf({ case: 'provider', value }))
    }
  }
  if (wire.toolConfig == null) return
  noteUnknown(wire.toolConfig, known.toolConfig, 'toolConfig', untranslated)
  const { functionCallingConfig } = wire.toolConfig
  if (functionCallingConfig == null) return
  const path = 'toolConfig.functionCallingConfig'
  noteUnknown(functionCallingConfig, known.functionCallingConfig, path, untranslated)
  const word = modeWordOf(functionCallingConfig.mode)
  const names = functionCallingConfig.allowedFunctionNames ?? []
  if (word === '' && names.length === 0) return
  const choice = decodeToolChoice(word, names)
  if (choice !== undefined) request.toolChoice = choice
  else untranslated.push(path)
}

function toolOf(kind: Tool['kind']): Tool {
  return { $typeName: 'switchyard.v1.Tool', kind }
}

/** VALIDATED without names is AUTO that keeps to the schemas: a promise other vendors make by tool or not at all. */
function decodeToolChoice(word: string, names: string[]): ToolChoice | undefined {
  const choice = (mode: Mode): ToolChoice => ({ $typeName: 'switchyard.v1.ToolChoice', mode, names })
  switch (word) {
    case 'ANY':
      return choice(names.length > 0 ? Mode.NAMED : Mode.REQUIRED)
    case 'NONE':
      return choice(Mode.NONE)
    case 'VALIDATED':
      return names.length > 0 ? choice(Mode.ALLOWED) : undefined
    case 'AUTO':
    case 'MODE_UNSPECIFIED':
    case '':
      return choice(names.length > 0 ? Mode.ALLOWED : Mode.AUTO)
    default:
      throw fail('invalid_request', `toolConfig.functionCallingConfig.mode: unknown mode "${word}"`, {
        param: 'toolConfig.functionCallingConfig.mode',
      })
  }
}

// ------------------------------------------------------------------------------------------------------- generation

function decodeConfig(wire: GenerationConfig, request: ChatRequest, untranslated: string[]): void {
  noteUnknown(wire, known.generationConfig, 'generationConfig', untranslated)
  if (wire.temperature != null) request.temperature = wire.temperature
  if (wire.topP != null) request.topP = wire.topP
  if (wire.topK != null) {
    if (Number.isInteger(wire.topK)) request.topK = wire.topK
    else untranslated.push('generationConfig.topK')
  }
  if (wire.maxOutputTokens != null) request.maxOutputTokens = wire.maxOutputTokens
  if (wire.stopSequences != null) request.stop = [...wire.stopSequences]
  if (wire.candidateCount != null) request.n = wire.candidateCount
  if (wire.seed != null) request.seed = BigInt(wire.seed)
  if (wire.presencePenalty != null) request.presencePenalty = wire.presencePenalty
  if (wire.frequencyPenalty != null) request.frequencyPenalty = wire.frequencyPenalty
  if (wire.responseLogprobs != null) request.logprobs = wire.responseLogprobs
  if (wire.logprobs != null) request.topLogprobs = wire.logprobs
  if (wire.responseModalities != null) request.modalities = wire.responseModalities.map((word) => word.toLowerCase())
  decodeFormat(wire, request, untranslated)
  decodeThinking(wire, request, untranslated)
}

function decodeFormat(wire: GenerationConfig, request: ChatRequest, untranslated: string[]): void {
  const { responseMimeType: type, responseSchema, responseJsonSchema } = wire
  const schema = responseJsonSchema ?? (responseSchema == null ? undefined : jsonSchemaOf(responseSchema as JsonObject))
  if (type != null && type !== '' && type !== 'text/plain' && type !== 'application/json') {
    untranslated.push('generationConfig.responseMimeType')
    if (responseSchema != null) untranslated.push('generationConfig.responseSchema')
    if (responseJsonSchema != null) untranslated.push('generationConfig.responseJsonSchema')
    return
  }
  const $typeName = 'switchyard.v1.ResponseFormat' as const
  if (schema !== undefined) {
    const value = {
      $typeName: 'switchyard.v1.JsonSchemaFormat' as const,
      name: '',
      description: '',
      schema: schema as JsonObject,
    }
    request.responseFormat = { $typeName, kind: { case: 'jsonSchema', value } }
  } else if (type === 'application/json')
    request.responseFormat = {
      $typeName,
      kind: { case: 'jsonObject', value: { $typeName: 'switchyard.v1.JsonObjectFormat' } },
    }
  else if (type === 'text/plain')
    request.responseFormat = { $typeName, kind: { case: 'text', value: { $typeName: 'switchyard.v1.TextFormat' } } }
}

/** A budget of -1 leaves it to the model, which for other vendors is said by saying nothing. */
function decodeThinking({ thinkingConfig }: GenerationConfig, request: ChatRequest, untranslated: string[]): void {
  if (thinkingConfig == null) return
  const path = 'generationConfig.thinkingConfig'
  noteUnknown(thinkingConfig, known.thinkingConfig, path, untranslated)
  const { thinkingBudget, includeThoughts, thinkingLevel } = thinkingConfig
  if (thinkingBudget === -1) untranslated.push(`${path}.thinkingBudget`)
  const budget = thinkingBudget != null && thinkingBudget >= 0 ? { budgetTokens: thinkingBudget } : {}
  const level = thinkingLevel?.toLowerCase().replace('thinking_level_unspecified', '') ?? ''
  const effort = level === '' ? {} : { effort: level }
  const summary = includeThoughts === true ? { summary: 'auto' } : {}
  const reasoning = { ...budget, ...effort, ...summary }
  if (Object.keys(reasoning).length === 0) return
  request.reasoning = { $typeName: 'switchyard.v1.ReasoningOptions', ...reasoning }
}
