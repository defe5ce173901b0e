import { type Message, type Part, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import {
  audioId,
  calling,
  fileId,
  inlineAudio,
  inlineFile,
  linkedAudio,
  linkedFile,
  linkedImage,
  message,
  reasoningPart,
  refusalPart,
  textPart,
  toolResult,
} from '../parts.ts'
import { noteUnknown } from '../untranslated.ts'
import { known, type RequestCall, type RequestMessage, type RequestPart } from './types.ts'
import { roleOf } from './words.ts'

/** Reads messages. `untranslated` gets the paths that are not carried. Throws `invalid_request`, naming the field. */
export function decodeMessages(messages: readonly RequestMessage[], untranslated: string[]): Message[] {
  return messages.map((wire, index) => decodeMessage(wire, `messages[${index}]`, untranslated))
}

function decodeMessage(wire: RequestMessage, path: string, untranslated: string[]): Message {
  noteUnknown(wire, known.message, path, untranslated)
  const role = roleOf[wire.role]
  const content = decodeContent(wire.content, `${path}.content`, untranslated)
  if (role === Role.TOOL) {
    const id = wire.tool_call_id ?? wire.name ?? ''
    return message(role, [toolResult(id, content)], wire.tool_call_id == null ? '' : (wire.name ?? ''))
  }
  const parts: Part[] = []
  const reasoning = wire.reasoning_content ?? wire.reasoning ?? ''
  // Some vendors say it twice.
  if (wire.reasoning != null && wire.reasoning !== reasoning) untranslated.push(`${path}.reasoning`)
  if (reasoning !== '') parts.push(reasoningPart(reasoning))
  parts.push(...content)
  if (wire.refusal != null && wire.refusal !== '') parts.push(refusalPart(wire.refusal))
  if (wire.audio != null) parts.push(audioId(wire.audio.id))
  for (const [index, call] of (wire.tool_calls ?? []).entries())
    parts.push(decodeCall(call, `${path}.tool_calls[${index}]`, untranslated))
  if (wire.function_call != null)
    parts.push(calling(wire.function_call.name, wire.function_call.name, wire.function_call.arguments))
  return message(role, parts, wire.name ?? '')
}

function decodeCall(wire: RequestCall, path: string, untranslated: string[]): Part {
  noteUnknown(wire, known.toolCall, path, untranslated)
  const id = wire.id ?? ''
  if (wire.custom != null) return calling(id, wire.custom.name ?? '', wire.custom.input ?? '', true)
  noteUnknown(wire.function ?? {}, { name: true, arguments: true }, `${path}.function`, untranslated)
  const name = nameOf(wire.function?.name, `${path}.function.name`)
  return calling(id, name, argumentsText(wire.function?.arguments))
}

function nameOf(name: string | null | undefined, path: string): string {
  if (name == null || name === '') throw fail('invalid_request', `${path} is required`, { param: path })
  return name
}

/** Arguments as JSON text; some clients send the object itself. */
export function argumentsText(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Reads content, a string or parts; `path` is where it stands. Throws `invalid_request`, naming the field. */
export function decodeContent(content: RequestMessage['content'], path: string, untranslated: string[]): Part[] {
  if (content == null) return []
  if (typeof content === 'string') return [textPart(content)]
  return content.flatMap((wire, index) => {
    const at = `${path}[${index}]`
    const decoded = decodePart(wire, at)
    if (decoded === undefined) {
      untranslated.push(at)
      return []
    }
    noteBeside(wire, at, untranslated)
    if (wire.cache_control != null) decoded.cacheControl = cacheControl(wire.cache_control)
    return [decoded]
  })
}

/** Reads the `cache_control` of a part or a tool. */
export function cacheControl(wire: Record<string, unknown>): NonNullable<Part['cacheControl']> {
  return {
    $typeName: 'switchyard.v1.CacheControl',
    ttlSeconds: wire['ttl'] === '1h' ? 3600 : wire['ttl'] === '5m' ? 300 : 0,
  }
}

/** Names what a part says beside what its type has. */
function noteBeside(wire: RequestPart, path: string, untranslated: string[]): void {
  noteUnknown(wire, { type: true, [wire.type]: true, cache_control: true }, path, untranslated)
  const { image_url: image, input_audio: audio, file } = wire
  if (wire.type === 'image_url' && typeof image === 'object' && image !== null)
    noteUnknown(image, known.imageUrl, `${path}.image_url`, untranslated)
  if (wire.type === 'input_audio' && typeof audio === 'object' && audio !== null)
    noteUnknown(audio, known.inputAudio, `${path}.input_audio`, untranslated)
  if (wire.type === 'file' && file != null) {
    const { file_data: _other, ...fields } = known.file
    noteUnknown(file, file.file_id == null ? known.file : fields, `${path}.file`, untranslated)
  }
}

function decodePart(wire: RequestPart, path: string): Part | undefined {
  switch (wire.type) {
    case 'text':
      return textPart(wire.text ?? '')
    case 'refusal':
      return refusalPart(wire.refusal ?? '')
    case 'image_url': {
      if (wire.image_url == null)
        throw fail('invalid_request', `${path}.image_url is required`, { param: `${path}.image_url` })
      const { url, detail } = typeof wire.image_url === 'string' ? { url: wire.image_url, detail: '' } : wire.image_url
      return linkedImage(url, detail ?? '', `${path}.image_url.url`)
    }
    case 'input_audio':
      if (wire.input_audio == null)
        throw fail('invalid_request', `${path}.input_audio is required`, { param: `${path}.input_audio` })
      return typeof wire.input_audio === 'string'
        ? bareAudio(wire.input_audio, `${path}.input_audio`)
        : inlineAudio(wire.input_audio.data, `audio/${wire.input_audio.format ?? 'wav'}`, `${path}.input_audio.data`)
    case 'file': {
      const file = wire.file
      if (file == null) throw fail('invalid_request', `${path}.file is required`, { param: `${path}.file` })
      if (file.file_id != null) return fileId(file.file_id, file.filename ?? '')
      if (file.file_data == null) return undefined
      // Some vendors take a URL in the place of the bytes.
      if (/^https?:/i.test(file.file_data))
        return linkedFile(file.file_data, file.filename ?? '', `${path}.file.file_data`)
      return inlineFile(file.file_data, file.filename ?? '', `${path}.file.file_data`)
    }
    default:
      return undefined
  }
}

/** Audio that some vendors take as one string: a URL, or base64 of a format that it does not name. */
function bareAudio(text: string, path: string): Part {
  return /^(?:https?|data):/i.test(text) ? linkedAudio(text, path) : inlineAudio(text, 'audio/wav', path)
}
