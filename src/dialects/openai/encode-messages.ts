import { type CacheControl, type Message, type Part, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { encodeBase64, toDataUrl } from '../parts.ts'
import { audioFormat } from './audio-format.ts'
import { roleWord } from './words.ts'

/** What of a vendor's ways decides how messages are written. */
export interface MessageOptions {
  /** The message field that takes earlier reasoning back, where the vendor has one; `thinking` is a part of the content. */
  readonly reasoningField?: 'reasoning_content' | 'reasoning' | 'thinking'
  /** What the vendor reads by URL; images, where nothing is said. Of anything else it is sent the bytes. */
  readonly linked?: readonly ('image' | 'audio' | 'file')[]
}

/** Writes one message: results of tools are messages of their own. `dropped` gets the paths of what the format has no place for. */
export function encodeMessage(message: Message, path: string, options: MessageOptions, dropped: string[]): object[] {
  const name = message.name === '' ? {} : { name: message.name }
  const out: object[] = []
  const own: Part[] = []
  for (const part of message.parts) {
    if (part.kind.case !== 'toolResult') {
      own.push(part)
      continue
    }
    const { toolCallId, parts, isError } = part.kind.value
    if (isError) dropped.push(`${path}.is_error`)
    out.push({
      role: 'tool',
      ...(toolCallId !== '' && { tool_call_id: toolCallId }),
      content: encodeContent(parts, path, options, dropped) ?? '',
      ...name,
    })
  }
  if (own.length > 0 || message.parts.length === 0)
    out.push({ ...encodeOwn(message.role, own, path, options, dropped), ...name })
  return out
}

function encodeOwn(
  role: Role,
  parts: readonly Part[],
  path: string,
  options: MessageOptions,
  dropped: string[],
): object {
  if (role !== Role.ASSISTANT)
    return { role: roleWord[role], content: encodeContent(parts, path, options, dropped) ?? '' }
  const calls = parts.flatMap(({ kind }) => (kind.case === 'toolCall' ? [kind.value] : []))
  const reasoning = parts.map(({ kind }) => (kind.case === 'reasoning' ? kind.value.text : '')).join('')
  const sealed = parts.some(({ kind }) => kind.case === 'reasoning' && kind.value.signature !== undefined)
  if ((reasoning !== '' && options.reasoningField === undefined) || sealed) dropped.push(`${path}.reasoning`)
  const refusal = parts.map(({ kind }) => (kind.case === 'refusal' ? kind.value.text : '')).join('')
  const sounds = parts.flatMap(({ kind }) => (kind.case === 'audio' ? [kind.value] : []))
  const audio = sounds.find(({ id }) => id !== '')
  // The model's own sound is told by the id of one earlier answer, and in no other way.
  if (sounds.length > (audio === undefined ? 0 : 1)) dropped.push(`${path}.audio`)
  const said = parts.filter(
    ({ kind }) =>
      kind.case !== 'toolCall' && kind.case !== 'reasoning' && kind.case !== 'refusal' && kind.case !== 'audio',
  )
  const content = encodeContent(said, path, options, dropped)
  const inContent = reasoning !== '' && options.reasoningField === 'thinking'
  return {
    role: 'assistant',
    content: inContent ? [thinkingPart(reasoning), ...partsOf(content)] : content,
    ...(refusal !== '' && { refusal }),
    ...(reasoning !== '' &&
      !inContent &&
      options.reasoningField !== undefined && { [options.reasoningField]: reasoning }),
    ...(audio !== undefined && { audio: { id: audio.id } }),
    ...(calls.length > 0 && { tool_calls: calls.map(encodeCall) }),
  }
}

function thinkingPart(text: string): object {
  return { type: 'thinking', thinking: [{ type: 'text', text }] }
}

function partsOf(content: string | object[] | null): object[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? [])
}

function encodeCall({
  id,
  name,
  argumentsJson,
  custom,
}: {
  id: string
  name: string
  argumentsJson: string
  custom: boolean
}): object {
  if (custom) return { id, type: 'custom', custom: { name, input: argumentsJson } }
  return { id, type: 'function', function: { name, arguments: argumentsJson === '' ? '{}' : argumentsJson } }
}

/** Content as one string where it is only text, as parts otherwise, and null where there is none. */
export function encodeContent(
  parts: readonly Part[],
  path: string,
  options: MessageOptions,
  dropped: string[],
): string | object[] | null {
  const encoded = parts.flatMap((part, index) => {
    const one = encodePart(part, options)
    if (one === undefined) {
      dropped.push(`${path}.parts[${index}]`)
      return []
    }
    if (part.cacheControl === undefined) return [one]
    return [{ ...one, cache_control: encodeCacheControl(part.cacheControl) }]
  })
  if (encoded.length === 0) return null
  const [only] = encoded
  if (encoded.length === 1 && only !== undefined && 'text' in only && !('cache_control' in only)) return only.text
  return encoded
}

/** A hint for the prompt cache, as vendors of this format have it who took it over: two lifetimes, or none that is said. */
export function encodeCacheControl({ ttlSeconds }: CacheControl): object {
  return { type: 'ephemeral', ...(ttlSeconds > 0 && { ttl: ttlSeconds > 300 ? '1h' : '5m' }) }
}

function encodePart(
  part: Part,
  { linked = [] }: MessageOptions,
): { type: 'text'; text: string } | { type: string } | undefined {
  const { kind } = part
  switch (kind.case) {
    case 'text':
      return { type: 'text', text: kind.value.text }
    case 'refusal':
      return { type: 'refusal', refusal: kind.value.text } as { type: string }
    case 'image': {
      const { source, mediaType, detail } = kind.value
      if (source.case === undefined) return undefined
      const url = source.case === 'url' ? source.value : toDataUrl(source.value, mediaType)
      return { type: 'image_url', image_url: { url, ...(detail !== '' && { detail }) } } as { type: string }
    }
    case 'audio': {
      const { source, mediaType } = kind.value
      if (source.case === 'url' && linked.includes('audio'))
        return { type: 'input_audio', input_audio: source.value } as { type: string }
      if (source.case !== 'data') return undefined
      const input = { data: encodeBase64(source.value), format: audioFormat(mediaType) }
      return { type: 'input_audio', input_audio: input } as { type: string }
    }
    case 'file': {
      const { source, mediaType, name } = kind.value
      const named = name === '' ? {} : { filename: name }
      const file = (content: object): { type: string } =>
        ({ type: 'file', file: { ...content, ...named } }) as { type: string }
      switch (source.case) {
        case 'id':
          return file({ file_id: source.value })
        case 'data':
          return file({ file_data: toDataUrl(source.value, mediaType || 'application/octet-stream') })
        case 'url':
          return linked.includes('file') ? file({ file_data: source.value }) : undefined
        default:
          return undefined
      }
    }
    default:
      return undefined
  }
}
