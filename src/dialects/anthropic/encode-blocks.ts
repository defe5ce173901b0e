import type { JsonObject } from '@bufbuild/protobuf'
import {
  type File,
  type Image,
  type Message,
  type Part,
  type Reasoning,
  Role,
  type ToolCall,
} from '#gen/switchyard/v1/chat_pb.ts'
import { encodeBase64 } from '../parts.ts'
import { noteDetail } from '../uncarried.ts'
import { citationOf } from './citations.ts'
import { encodeSource } from './encode-source.ts'

/** What of a vendor's ways decides how messages are written. */
export interface BlockOptions {
  /** Names the vendor in signatures: only its own are sent to it. */
  readonly vendor: string
  /** Take reasoning back that nobody signed, as vendors do that are compatible with the format. */
  readonly unsignedReasoning: boolean
  /** Reads images and documents by https URL; not every place that runs the models does. */
  readonly readsUrls: boolean
  /** Take instructions amid a conversation, of the models that know them there; not every place that runs those models does. */
  readonly instructionsInPlace: boolean
}

/** Models that take instructions amid a conversation. Others refuse them, or take them and do not obey. */
const instructed = /claude-(?:opus-(?:4[-.][89]|[5-9])|(?:fable|mythos)-[5-9])/

/** A content block on its way out. */
type Block = Record<string, unknown> & { readonly type: string }

/** Messages in the format's shape: instructions apart, and what tools answered among the user's words. */
export interface EncodedMessages {
  readonly system: Block[]
  readonly messages: { role: 'user' | 'assistant' | 'system'; content: Block[] }[]
}

/**
 * Writes messages. Answers of tools become blocks of one user message, with the user's words that follow them. Instructions stand
 * before the conversation, but for those amid it that the model takes where they stand. `dropped` gets the paths of what the format
 * has no place for.
 */
export function encodeMessages(
  given: readonly Message[],
  model: string,
  options: BlockOptions,
  dropped: string[],
): EncodedMessages {
  const inPlace = options.instructionsInPlace && instructed.test(model)
  const system: Block[] = []
  const messages: EncodedMessages['messages'] = []
  let afterResults = false
  for (const [index, { role, parts, name }] of given.entries()) {
    const path = `messages[${index}]`
    if (name !== '' && role !== Role.TOOL) dropped.push(`${path}.name`)
    const content = encodeParts(parts, path, options, dropped)
    const last = messages.at(-1)
    if (content.length === 0) continue
    if (isInstruction(role)) {
      if (last?.role === 'system') last.content.push(...content)
      else if (inPlace && follows(last) && precedesAnswer(given, index)) messages.push({ role: 'system', content })
      else system.push(...content)
      continue
    }
    const spoken = role === Role.ASSISTANT ? 'assistant' : 'user'
    if (afterResults && spoken === 'user' && last?.role === 'user') last.content.push(...content)
    else messages.push({ role: spoken, content })
    afterResults = role === Role.TOOL
  }
  return { system, messages }
}

function isInstruction(role: Role | undefined): boolean {
  return role === Role.SYSTEM || role === Role.DEVELOPER
}

/** Where instructions may stand amid a conversation: after words of the user, or what a tool of the provider's own answered. */
function follows(last: EncodedMessages['messages'][number] | undefined): boolean {
  if (last?.role !== 'assistant') return last?.role === 'user'
  return /^server_tool_use$|_tool_result$/.test(last.content.at(-1)?.type ?? '')
}

/** And at the end, or before words of the model. */
function precedesAnswer(given: readonly Message[], index: number): boolean {
  const next = given.slice(index + 1).find(({ role }) => !isInstruction(role))
  return next === undefined || next.role === Role.ASSISTANT
}

function encodeParts(parts: readonly Part[], path: string, options: BlockOptions, dropped: string[]): Block[] {
  return parts.flatMap((part, index) => {
    const here = `${path}.parts[${index}]`
    const block = encodePart(part, here, options, dropped)
    if (block === undefined) return []
    return part.cacheControl === undefined
      ? [block]
      : [{ ...block, cache_control: encodeCacheControl(part.cacheControl.ttlSeconds) }]
  })
}

/** Writes a hint for the prompt cache. The format knows two lifetimes; one that is not said is left to the provider. */
export function encodeCacheControl(ttlSeconds: number): JsonObject {
  if (ttlSeconds === 0) return { type: 'ephemeral' }
  return { type: 'ephemeral', ttl: ttlSeconds > 300 ? '1h' : '5m' }
}

function encodePart({ kind }: Part, path: string, options: BlockOptions, dropped: string[]): Block | undefined {
  const drop = (): undefined => {
    dropped.push(path)
    return undefined
  }
  switch (kind.case) {
    case 'text': {
      const { text, annotations } = kind.value
      // An empty text is refused; one that only another vendor's signature is on has nothing to say here.
      if (text === '') return undefined
      return { type: 'text', text, ...(annotations.length > 0 && { citations: annotations.map(citationOf) }) }
    }
    case 'refusal':
      return kind.value.text === '' ? undefined : { type: 'text', text: kind.value.text }
    case 'image': {
      const image = encodeImage(kind.value)
      if (image === undefined) return drop()
      noteDetail(kind.value, path, dropped)
      return image
    }
    case 'file':
      return encodeFile(kind.value) ?? drop()
    case 'toolCall':
      return encodeCall(kind.value, options)
    case 'toolResult': {
      const { toolCallId, parts, isError } = kind.value
      const content = encodeParts(parts, path, options, dropped)
      const [only] = content
      const plain = content.length === 1 && only?.type === 'text' && Object.keys(only).length === 2
      return {
        type: 'tool_result',
        tool_use_id: toolCallId,
        ...(content.length > 0 && { content: plain ? only['text'] : content }),
        ...(isError && { is_error: true }),
      }
    }
    case 'reasoning':
      return encodeReasoning(kind.value, options) ?? drop()
    case 'providerPart':
      return kind.value.vendor === options.vendor ? (objectOf(kind.value.json) as Block | undefined) : drop()
    default:
      return drop()
  }
}

function encodeImage({ source, mediaType }: Image): Block | undefined {
  switch (source.case) {
    case 'url':
      return { type: 'image', source: { type: 'url', url: source.value } }
    case 'data':
      return { type: 'image', source: { type: 'base64', media_type: mediaType, data: encodeBase64(source.value) } }
    default:
      return undefined
  }
}

function encodeFile({ source, mediaType, name }: File): Block | undefined {
  const title = name === '' ? {} : { title: name }
  const document = (from: JsonObject): Block => ({ type: 'document', source: from, ...title })
  switch (source.case) {
    case 'url':
      if (mediaType.startsWith('image/')) return { type: 'image', source: { type: 'url', url: source.value } }
      return document({ type: 'url', url: source.value })
    case 'id':
      return document({ type: 'file', file_id: source.value })
    case 'data': {
      const encoded = encodeSource(source.value, mediaType)
      if (encoded === undefined) return undefined
      return mediaType.startsWith('image/') ? { type: 'image', source: encoded } : document(encoded)
    }
    default:
      return undefined
  }
}

function encodeCall(call: ToolCall, options: BlockOptions): Block {
  const { id, name, argumentsJson, custom } = call
  return { type: 'tool_use', id, name, input: inputOf(argumentsJson, custom), ...callerOf(call, options.vendor) }
}

function encodeReasoning({ text, signature, redacted }: Reasoning, options: BlockOptions): Block | undefined {
  if (signature === undefined)
    return options.unsignedReasoning && !redacted && text !== '' ? { type: 'thinking', thinking: text } : undefined
  if (signature.vendor !== options.vendor) return undefined
  if (redacted) return { type: 'redacted_thinking', data: signature.value }
  return { type: 'thinking', thinking: text, signature: signature.value }
}

/** Who called a tool, as a vendor's own signature on the call tells it; empty where it does not. */
export function callerOf({ signature }: Pick<ToolCall, 'signature'>, vendor: string): JsonObject {
  const caller = signature?.vendor === vendor ? objectOf(signature.value)?.['caller'] : undefined
  return caller === undefined ? {} : { caller }
}

/**
 * The input of a call as the object the format wants. No arguments are an empty one; free text is in `input`; text that is no JSON
 * object, as where the answer was cut, is in `INVALID_JSON`, which is how Anthropic's documentation wants it shown to the model.
 */
export function inputOf(argumentsJson: string, custom: boolean): JsonObject {
  if (custom) return { input: argumentsJson }
  if (argumentsJson.trim() === '') return {}
  return objectOf(argumentsJson) ?? { INVALID_JSON: argumentsJson }
}

/** A JSON object; undefined for any other text. */
export function objectOf(json: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}
