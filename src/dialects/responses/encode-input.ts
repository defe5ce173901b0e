import { type Message, type Part, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { audioFormat } from '../openai/audio-format.ts'
import { encodeBase64, toDataUrl } from '../parts.ts'
import { encodeAnnotation } from './annotation.ts'

const roleWords: Readonly<Record<Role, string>> = {
  [Role.UNSPECIFIED]: 'user',
  [Role.SYSTEM]: 'system',
  [Role.DEVELOPER]: 'developer',
  [Role.USER]: 'user',
  [Role.ASSISTANT]: 'assistant',
  [Role.TOOL]: 'user',
}

/** What of a vendor's ways decides how items are written. */
export interface ItemOptions {
  /** Names the vendor in signatures and in parts that only it knows. */
  readonly vendor: string
  /** Take reasoning back that nobody sealed, as vendors do that are compatible with the format. */
  readonly unsignedReasoning: boolean
}

/** What the items of all messages have in common. */
interface Writing extends ItemOptions {
  readonly dropped: string[]
  /** Ids of the calls of free-text tools so far, whose results are items of another type. */
  readonly custom: Set<string>
}

/**
 * Writes messages as input items, each part of the model's own turns as the item it came from. Signed reasoning and parts that only
 * one vendor knows go out to that vendor alone; what is left out is named in `dropped`.
 */
export function encodeInput(
  messages: readonly Message[],
  from: number,
  options: ItemOptions,
  dropped: string[],
): object[] {
  const writing: Writing = { ...options, dropped, custom: new Set() }
  return messages.flatMap((message, index) =>
    index < from ? [] : encodeMessage(message, `messages[${index}]`, writing),
  )
}

function encodeMessage(message: Message, path: string, writing: Writing): object[] {
  if (message.name !== '') writing.dropped.push(`${path}.name`)
  const items: object[] = []
  let said: object[] = []
  const flush = (): void => {
    if (said.length > 0) items.push({ role: roleWords[message.role], content: contentOf(said) })
    said = []
  }
  for (const [index, part] of message.parts.entries()) {
    const at = `${path}.parts[${index}]`
    const { value } = part.kind
    const signed = value !== undefined && 'signature' in value && value.signature !== undefined
    if (signed && (part.kind.case === 'text' || part.kind.case === 'toolCall')) writing.dropped.push(`${at}.signature`)
    const own = encodeItem(part, at, writing)
    if (own !== undefined) {
      flush()
      items.push(own)
      continue
    }
    const content = message.role === Role.ASSISTANT ? encodeSaid(part) : encodeContent(part)
    if (content === undefined) writing.dropped.push(at)
    else said.push(content)
    if (part.cacheControl !== undefined) writing.dropped.push(`${at}.cache_control`)
  }
  flush()
  return items
}

/** Content as a string where it is one text of nothing but text. */
function contentOf(parts: readonly object[]): string | readonly object[] {
  const [only] = parts
  if (parts.length !== 1 || only === undefined || !('text' in only) || typeof only.text !== 'string') return parts
  return 'annotations' in only && Array.isArray(only.annotations) && only.annotations.length > 0 ? parts : only.text
}

/** A part that is an item of its own; undefined for what is content of a message. */
function encodeItem({ kind }: Part, path: string, writing: Writing): object | undefined {
  switch (kind.case) {
    case 'toolCall': {
      const { id, name, argumentsJson, custom } = kind.value
      if (!custom)
        return {
          type: 'function_call',
          call_id: id,
          name,
          arguments: argumentsJson === '' ? '{}' : argumentsJson,
        }
      writing.custom.add(id)
      return { type: 'custom_tool_call', call_id: id, name, input: argumentsJson }
    }
    case 'toolResult': {
      const { toolCallId, parts, isError } = kind.value
      if (isError) writing.dropped.push(`${path}.is_error`)
      const type = writing.custom.has(toolCallId) ? 'custom_tool_call_output' : 'function_call_output'
      return { type, call_id: toolCallId, output: encodeOutput(parts, path, writing) }
    }
    case 'reasoning': {
      const { text, signature } = kind.value
      if (signature === undefined && writing.unsignedReasoning)
        return text === '' ? undefined : { type: 'reasoning', summary: [{ type: 'summary_text', text }] }
      if (signature?.vendor !== writing.vendor) return undefined
      const summary = text === '' ? [] : [{ type: 'summary_text', text }]
      return { type: 'reasoning', summary, encrypted_content: signature.value }
    }
    case 'providerPart':
      return kind.value.vendor === writing.vendor ? (JSON.parse(kind.value.json) as object) : undefined
    default:
      return undefined
  }
}

function encodeOutput(parts: readonly Part[], path: string, writing: Writing): string | readonly object[] {
  const output = parts.flatMap((part, index) => {
    const content = encodeContent(part)
    if (content !== undefined) return [content]
    writing.dropped.push(`${path}.parts[${index}]`)
    return []
  })
  return output.length === 0 ? '' : contentOf(output)
}

/** A part of what the model said. */
function encodeSaid({ kind }: Part): object | undefined {
  if (kind.case === 'text') {
    const annotations = kind.value.annotations.map((note) => encodeAnnotation(note))
    return { type: 'output_text', text: kind.value.text, annotations }
  }
  if (kind.case === 'refusal') return { type: 'refusal', refusal: kind.value.text }
  return undefined
}

/** A part of what is said to the model. */
function encodeContent({ kind }: Part): object | undefined {
  switch (kind.case) {
    case 'text':
      return { type: 'input_text', text: kind.value.text }
    case 'image': {
      const { source, mediaType, detail } = kind.value
      if (source.case === undefined) return undefined
      const url = source.case === 'url' ? source.value : toDataUrl(source.value, mediaType)
      return { type: 'input_image', image_url: url, ...(detail !== '' && { detail }) }
    }
    case 'file': {
      const { source, mediaType, name } = kind.value
      const named = name === '' ? {} : { filename: name }
      switch (source.case) {
        case 'id':
          if (mediaType.startsWith('image/')) return { type: 'input_image', file_id: source.value }
          return { type: 'input_file', file_id: source.value, ...named }
        case 'url':
          return { type: 'input_file', file_url: source.value, ...named }
        case 'data': {
          const data = toDataUrl(source.value, mediaType === '' ? 'application/octet-stream' : mediaType)
          return { type: 'input_file', file_data: data, filename: name === '' ? 'file' : name }
        }
        default:
          return undefined
      }
    }
    case 'audio': {
      const { source, mediaType } = kind.value
      if (source.case !== 'data') return undefined
      return { type: 'input_audio', input_audio: { data: encodeBase64(source.value), format: audioFormat(mediaType) } }
    }
    default:
      return undefined
  }
}
