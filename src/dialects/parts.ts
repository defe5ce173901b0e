import { Buffer } from 'node:buffer'
import type { Message, Part, Role } from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../error/index.ts'

/** A message of these parts. */
export function message(role: Role, parts: Part[], name = ''): Message {
  return { $typeName: 'switchyard.v1.Message', role, parts, name }
}

/** A part of one kind. */
export function part(kind: Part['kind']): Part {
  return { $typeName: 'switchyard.v1.Part', kind }
}

/** A part of visible text. */
export function textPart(text: string): Part {
  return part({ case: 'text', value: { $typeName: 'switchyard.v1.Text', text, annotations: [] } })
}

/** A part of reasoning that nobody signed. */
export function reasoningPart(text: string): Part {
  return part({ case: 'reasoning', value: { $typeName: 'switchyard.v1.Reasoning', text, redacted: false } })
}

/** A part of a refusal. */
export function refusalPart(text: string): Part {
  return part({ case: 'refusal', value: { $typeName: 'switchyard.v1.Refusal', text } })
}

/** A call of a tool; `custom` where the arguments are free text. */
export function calling(id: string, name: string, argumentsJson: string, custom = false): Part {
  return part({ case: 'toolCall', value: { $typeName: 'switchyard.v1.ToolCall', id, name, argumentsJson, custom } })
}

/** What a tool answered. */
export function toolResult(toolCallId: string, parts: Part[], isError = false): Part {
  return part({ case: 'toolResult', value: { $typeName: 'switchyard.v1.ToolResult', toolCallId, parts, isError } })
}

const dataUrl = /^data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,/i

/** The bytes of a `data:` URL and their type; undefined for any other. Throws `invalid_request` naming `path`. */
export function readDataUrl(
  url: string,
  path: string,
): { data: Uint8Array<ArrayBuffer>; mediaType: string } | undefined {
  const found = dataUrl.exec(url)
  if (found === null) return undefined
  const mediaType = found[1] ?? ''
  const content = url.slice(found[0].length)
  return { data: found[3] === undefined ? decodeText(content, path) : decodeBase64(content, path), mediaType }
}

/** An image by URL; a `data:` URL becomes inline bytes. Throws `invalid_request` naming `path`. */
export function linkedImage(url: string, detail: string, path: string): Part {
  const inline = readDataUrl(url, path)
  if (inline === undefined) requireUrl(url, path)
  const source = inline === undefined ? { case: 'url' as const, value: url } : bytesOf(inline.data)
  const value = { $typeName: 'switchyard.v1.Image' as const, source, mediaType: inline?.mediaType ?? '', detail }
  return part({ case: 'image', value })
}

/** An image as base64. Throws `invalid_request` naming `path`. */
export function inlineImage(base64: string, mediaType: string, path: string, detail = ''): Part {
  const source = bytesOf(decodeBase64(base64, path))
  return part({ case: 'image', value: { $typeName: 'switchyard.v1.Image', source, mediaType, detail } })
}

const noAudio = { $typeName: 'switchyard.v1.Audio' as const, mediaType: '', transcript: '', id: '', expires: 0n }

/** Audio of an earlier answer, which the provider keeps. */
export function audioId(id: string): Part {
  return part({ case: 'audio', value: { ...noAudio, source: { case: undefined }, id } })
}

/** Audio as base64. Throws `invalid_request` naming `path`. */
export function inlineAudio(base64: string, mediaType: string, path: string): Part {
  const source = bytesOf(decodeBase64(base64, path))
  return part({ case: 'audio', value: { ...noAudio, source, mediaType } })
}

/** Audio by URL. Throws `invalid_request` naming `path`. */
export function linkedAudio(url: string, path: string): Part {
  const inline = readDataUrl(url, path)
  if (inline !== undefined)
    return part({ case: 'audio', value: { ...noAudio, source: bytesOf(inline.data), mediaType: inline.mediaType } })
  requireUrl(url, path)
  const source = { case: 'url' as const, value: url }
  return part({ case: 'audio', value: { ...noAudio, source } })
}

/** A file as base64 or as a `data:` URL. Throws `invalid_request` naming `path`. */
export function inlineFile(data: string, name: string, path: string): Part {
  const { data: bytes, mediaType } = readDataUrl(data, path) ?? { data: decodeBase64(data, path), mediaType: '' }
  return part({ case: 'file', value: { $typeName: 'switchyard.v1.File', source: bytesOf(bytes), mediaType, name } })
}

/** A file by URL; a `data:` URL becomes inline bytes. Throws `invalid_request` naming `path`. */
export function linkedFile(url: string, name: string, path: string): Part {
  if (/^data:/i.test(url)) return inlineFile(url, name, path)
  requireUrl(url, path)
  const source = { case: 'url' as const, value: url }
  return part({ case: 'file', value: { $typeName: 'switchyard.v1.File', source, mediaType: '', name } })
}

/** A file that the provider keeps. */
export function fileId(id: string, name: string): Part {
  return part({
    case: 'file',
    value: { $typeName: 'switchyard.v1.File', source: { case: 'id', value: id }, mediaType: '', name },
  })
}

/** Bytes as a `data:` URL. */
export function toDataUrl(data: Uint8Array, mediaType: string): string {
  return `data:${mediaType};base64,${encodeBase64(data)}`
}

/** Bytes as base64. */
export function encodeBase64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
}

function bytesOf(value: Uint8Array<ArrayBuffer>): { case: 'data'; value: Uint8Array<ArrayBuffer> } {
  return { case: 'data', value }
}

/** Text as URLs have it, where bytes may be written as `%` and two digits. */
function decodeText(text: string, path: string): Uint8Array<ArrayBuffer> {
  if (/%(?![0-9a-f]{2})/i.test(text)) throw fail('invalid_request', `${path} is not a valid data: URL`, { param: path })
  const bytes = Buffer.from(text)
    .toString('latin1')
    .replaceAll(/%([0-9a-f]{2})/gi, (_match, digits: string) => String.fromCharCode(Number(`0x${digits}`)))
  return new Uint8Array(Buffer.from(bytes, 'latin1'))
}

/** Bytes of base64, with or without line ends. Throws `invalid_request` naming `path`. */
export function decodeBase64(text: string, path: string): Uint8Array<ArrayBuffer> {
  const compact = /[\s]/.test(text) ? text.replaceAll(/\s+/g, '') : text
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(compact))
    throw fail('invalid_request', `${path} is not valid base64`, { param: path })
  return new Uint8Array(Buffer.from(compact, 'base64'))
}

function requireUrl(url: string, path: string): void {
  if (!URL.canParse(url)) throw fail('invalid_request', `${path} is not a URL`, { param: path })
}
