import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4TextPart,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider'
import { type Message, noteDetail, type Part, Role } from '#provider'

/** Who reads the prompt, and where the paths go of what it cannot hold. */
export interface PromptReader {
  readonly vendor: string
  readonly version: 'v3' | 'v4'
  readonly dropped: string[]
}

type Assistant = Extract<LanguageModelV4Message, { role: 'assistant' }>['content'][number]
type Signature = { readonly vendor: string; readonly value: string }

/** The messages as a prompt of the AI SDK. Tool results stand in messages of their own there, with the tool's name. */
export function encodePrompt(messages: readonly Message[], reader: PromptReader): LanguageModelV4Prompt {
  const toolNames = new Map(
    messages.flatMap(({ parts }) =>
      parts.flatMap(({ kind }) => (kind.case === 'toolCall' ? [[kind.value.id, kind.value.name] as const] : [])),
    ),
  )
  return messages.flatMap((message, index) => {
    const path = `messages[${index}]`
    if (message.name !== '') reader.dropped.push(`${path}.name`)
    const places = message.parts.map((part, at) => ({ part, path: `${path}.parts[${at}]` }))
    for (const { part, path: place } of places)
      if (part.cacheControl !== undefined) reader.dropped.push(`${place}.cache_control`)
    const results = places.flatMap(({ part, path: place }) => encodeResult(part, place, toolNames, reader))
    const own = places.filter(({ part }) => part.kind.case !== 'toolResult')
    const spoken = own.length > 0 || results.length === 0 ? [encodeOwn(message.role, own, reader)] : []
    return [...(results.length > 0 ? [{ role: 'tool' as const, content: results }] : []), ...spoken]
  })
}

interface Placed {
  readonly part: Part
  readonly path: string
}

function encodeOwn(role: Role, places: readonly Placed[], reader: PromptReader): LanguageModelV4Message {
  if (role === Role.ASSISTANT)
    return { role: 'assistant', content: places.flatMap((one) => encodeAssistant(one, reader)) }
  if (role !== Role.SYSTEM && role !== Role.DEVELOPER)
    return { role: 'user', content: places.flatMap((one) => encodeUser(one, reader)) }
  const texts = places.flatMap(({ part: { kind }, path }) => {
    if (kind.case === 'text') return [kind.value.text]
    reader.dropped.push(path)
    return []
  })
  return { role: 'system', content: texts.join('\n') }
}

function encodeUser(
  { part, path }: Placed,
  reader: PromptReader,
): (LanguageModelV4TextPart | LanguageModelV4FilePart)[] {
  const { kind } = part
  if (kind.case === 'text') return [{ type: 'text', text: kind.value.text }]
  if (kind.case === 'image') noteDetail(kind.value, path, reader.dropped)
  if (kind.case === 'image' || kind.case === 'audio' || kind.case === 'file') {
    const { source, mediaType } = kind.value
    const fallback = kind.case === 'image' ? 'image/*' : 'application/octet-stream'
    const name = kind.case === 'file' && kind.value.name !== '' ? { filename: kind.value.name } : {}
    const data = source.case === 'data' || source.case === 'url' ? encodeData(source, reader.version) : undefined
    if (data !== undefined) return [{ type: 'file', mediaType: mediaType || fallback, data, ...name }]
  }
  reader.dropped.push(path)
  return []
}

/** Version 3 takes bytes and URLs as they are, version 4 wraps them. */
function encodeData(
  source: { case: 'data'; value: Uint8Array } | { case: 'url'; value: string },
  version: 'v3' | 'v4',
): LanguageModelV4FilePart['data'] | undefined {
  if (source.case === 'data') {
    const bare: unknown = source.value
    return version === 'v4' ? { type: 'data', data: source.value } : (bare as LanguageModelV4FilePart['data'])
  }
  if (!URL.canParse(source.value)) return undefined
  const url = new URL(source.value)
  const bare: unknown = url
  return version === 'v4' ? { type: 'url', url } : (bare as LanguageModelV4FilePart['data'])
}

function encodeAssistant({ part, path }: Placed, reader: PromptReader): Assistant[] {
  const { kind } = part
  switch (kind.case) {
    case 'text':
      return [{ type: 'text', text: kind.value.text, ...sealed(kind.value.signature, path, reader) }]
    case 'refusal':
      return [{ type: 'text', text: kind.value.text }]
    case 'reasoning':
      return [{ type: 'reasoning', text: kind.value.text, ...sealed(kind.value.signature, path, reader) }]
    case 'toolCall': {
      const { id, name, argumentsJson, signature } = kind.value
      const call = { toolCallId: id, toolName: name, input: parsed(argumentsJson) }
      return [{ type: 'tool-call', ...call, ...sealed(signature, path, reader) }]
    }
    default:
      return encodeUser({ part, path }, reader)
  }
}

/** Arguments as the object they are; what the model left unfinished stays text. */
function parsed(json: string): unknown {
  try {
    return json === '' ? {} : JSON.parse(json)
  } catch {
    return json
  }
}

/** The opaque value that this very package gave, handed back; another's is dropped. */
function sealed(
  signature: Signature | undefined,
  path: string,
  { vendor, dropped }: PromptReader,
): { providerOptions?: SharedV4ProviderOptions } {
  if (signature === undefined) return {}
  const options = signature.vendor === vendor ? parsed(signature.value) : undefined
  if (typeof options === 'object' && options !== null) return { providerOptions: options as SharedV4ProviderOptions }
  dropped.push(`${path}.signature`)
  return {}
}

function encodeResult(
  { kind }: Part,
  path: string,
  toolNames: ReadonlyMap<string, string>,
  { dropped }: PromptReader,
): LanguageModelV4ToolResultPart[] {
  if (kind.case !== 'toolResult') return []
  const { toolCallId, parts, isError } = kind.value
  const texts = parts.flatMap(({ kind: inner }, index) => {
    if (inner.case === 'text') return [inner.value.text]
    dropped.push(`${path}.parts[${index}]`)
    return []
  })
  const output = { type: isError ? ('error-text' as const) : ('text' as const), value: texts.join('\n') }
  return [{ type: 'tool-result', toolCallId, toolName: toolNames.get(toolCallId) ?? '', output }]
}
