import type { JsonObject } from '@bufbuild/protobuf'
import {
  type Annotation,
  type Message,
  type Part,
  Role,
  type Signature,
  type ToolCall,
} from '#gen/switchyard/v1/chat_pb.ts'
import { fail } from '../../error/index.ts'
import {
  calling,
  fileId,
  inlineFile,
  inlineImage,
  linkedFile,
  linkedImage,
  message,
  part,
  textPart,
  toolResult,
} from '../parts.ts'
import { noteUnknown } from '../untranslated.ts'
import { annotationOf } from './citations.ts'
import { isLabelled, ownVendor, signatureOf, unseal } from './signatures.ts'
import {
  blocks,
  isKnownBlock,
  type KnownBlock,
  type RequestBlock,
  type RequestMessage,
  type RequestSource,
  type RequestTool,
} from './types.ts'

/**
 * Reads messages. What a tool answered stands among the words of the user in this format; it becomes messages of the tool's role.
 * `untranslated` gets the paths that are not carried. Throws `invalid_request`, naming the field.
 */
export function decodeMessages(messages: readonly RequestMessage[], untranslated: string[]): Message[] {
  return messages.flatMap((wire, index) => {
    const path = `messages[${index}]`
    noteUnknown(wire, { role: true, content: true }, path, untranslated)
    const parts = decodeContent(wire.content, `${path}.content`, untranslated)
    if (wire.role === 'assistant') return [message(Role.ASSISTANT, parts)]
    if (wire.role === 'system') return [message(Role.SYSTEM, parts)]
    return byRole(parts)
  })
}

/** Runs of tool results and of other parts, each a message. */
function byRole(parts: readonly Part[]): Message[] {
  const messages: Message[] = []
  for (const one of parts) {
    const role = one.kind.case === 'toolResult' ? Role.TOOL : Role.USER
    const last = messages.at(-1)
    if (last?.role === role) last.parts.push(one)
    else messages.push(message(role, [one]))
  }
  return messages.length === 0 ? [message(Role.USER, [])] : messages
}

/** Reads content, a string or blocks; `path` is where it stands. Throws `invalid_request`, naming the field. */
export function decodeContent(content: string | readonly RequestBlock[], path: string, untranslated: string[]): Part[] {
  if (typeof content === 'string') return [textPart(content)]
  const parts: Part[] = []
  const signatures = new Map<string, Signature>()
  for (const [index, wire] of content.entries()) {
    if (isKnownBlock(wire) && wire.type === 'redacted_thinking' && isLabelled(wire.data ?? '')) {
      attach(wire.data ?? '', parts, signatures)
      continue
    }
    const decoded = decodeBlock(wire, `${path}[${index}]`, untranslated)
    if (wire.cache_control != null) decoded.cacheControl = cacheControl(wire.cache_control)
    parts.push(decoded)
  }
  for (const { kind } of parts) {
    const signature = kind.case === 'toolCall' ? signatures.get(kind.value.id) : undefined
    if (kind.case === 'toolCall' && signature !== undefined) kind.value.signature = signature
  }
  return parts
}

/** Another vendor's value that came in a block of its own, put back where it belongs. */
function attach(data: string, parts: Part[], signatures: Map<string, Signature>): void {
  const { signature, bearer } = unseal(data)
  if (bearer.of === 'call') signatures.set(bearer.id, signature)
  else if (bearer.of === 'reasoning') parts.push(reasoning('', signature, true))
  else {
    const last = parts.at(-1)
    const text = last?.kind.case === 'text' ? last : textPart('')
    if (text !== last) parts.push(text)
    if (text.kind.case === 'text') text.kind.value.signature = signature
  }
}

function reasoning(text: string, signature: Signature | undefined, redacted: boolean): Part {
  const value = { $typeName: 'switchyard.v1.Reasoning' as const, text, redacted, ...(signature && { signature }) }
  return part({ case: 'reasoning', value })
}

/** Reads the `cache_control` of a block or a tool. */
export function cacheControl(wire: { ttl?: string | null | undefined }): NonNullable<Part['cacheControl']> {
  const ttlSeconds = wire.ttl === '1h' ? 3600 : wire.ttl === '5m' ? 300 : 0
  return { $typeName: 'switchyard.v1.CacheControl', ttlSeconds }
}

const always = { type: true, cache_control: true }
/** The members of each kind of block that are carried. */
const carried = {
  text: { ...always, text: true, citations: true },
  image: { ...always, source: true },
  document: { ...always, source: true, title: true },
  tool_use: { ...always, id: true, name: true, input: true, caller: true },
  tool_result: { ...always, tool_use_id: true, content: true, is_error: true },
  thinking: { ...always, thinking: true, signature: true },
  redacted_thinking: { ...always, data: true },
} as const satisfies Record<KnownBlock['type'], object>

function decodeBlock(wire: RequestBlock, path: string, untranslated: string[]): Part {
  const decoded = isKnownBlock(wire) ? decodeKnown(wire, path, untranslated) : undefined
  if (decoded === undefined) return providerBlock(wire)
  noteUnknown(wire, carried[wire.type as KnownBlock['type']], path, untranslated)
  return decoded
}

/** A block that only Anthropic knows: the tools it runs itself and whatever comes after this was written. */
function providerBlock({ cache_control: _hint, ...wire }: RequestBlock): Part {
  const value = { $typeName: 'switchyard.v1.ProviderPart' as const, vendor: ownVendor, type: wire.type }
  return part({ case: 'providerPart', value: { ...value, json: JSON.stringify(wire) } })
}

function decodeKnown(wire: KnownBlock, path: string, untranslated: string[]): Part | undefined {
  switch (wire.type) {
    case 'text': {
      const text = textPart(required(wire.text, `${path}.text`))
      if (wire.citations != null && text.kind.case === 'text')
        text.kind.value.annotations = decodeCitations(wire.citations, `${path}.citations`)
      return text
    }
    case 'image':
      return decodeImage(required(wire.source, `${path}.source`), `${path}.source`)
    case 'document':
      return decodeDocument(required(wire.source, `${path}.source`), wire.title ?? '', `${path}.source`)
    case 'tool_use': {
      const id = required(wire.id, `${path}.id`)
      const call = calling(id, required(wire.name, `${path}.name`), JSON.stringify(wire.input ?? {}))
      if (wire.caller != null && call.kind.case === 'toolCall') sign(call.kind.value, wire.caller, ownVendor)
      return call
    }
    case 'tool_result': {
      const parts = decodeResult(wire.content, `${path}.content`, untranslated)
      return toolResult(required(wire.tool_use_id, `${path}.tool_use_id`), parts, wire.is_error === true)
    }
    case 'thinking': {
      const sealed = wire.signature ?? ''
      return reasoning(wire.thinking ?? '', sealed === '' ? undefined : unseal(sealed).signature, false)
    }
    case 'redacted_thinking':
      return reasoning('', signatureOf(ownVendor, required(wire.data, `${path}.data`)), true)
    default:
      return wire.type satisfies never
  }
}

/** Reads the citations of a text. On a document the same name switches them on and is an object; here they are a list. */
function decodeCitations(citations: unknown, path: string): Annotation[] {
  if (!Array.isArray(citations)) throw fail('invalid_request', `${path} must be a list`, { param: path })
  return citations.map((note: unknown, index) => {
    const at = `${path}[${index}]`
    if (note === null || typeof note !== 'object' || Array.isArray(note))
      throw fail('invalid_request', `${at} must be an object`, { param: at })
    return annotationOf(note as JsonObject, 0, 0)
  })
}

/** Who called a tool, the model or a program of its own, is for the vendor alone to know: it travels as its signature on the call. */
export function sign(call: Pick<ToolCall, 'signature'>, caller: { type?: unknown }, vendor: string): void {
  if (caller.type !== 'direct') call.signature = signatureOf(vendor, JSON.stringify({ caller }))
}

function decodeResult(content: unknown, path: string, untranslated: string[]): Part[] {
  if (content == null) return []
  if (typeof content === 'string') return [textPart(content)]
  const { data, success } = blocks.safeParse(content)
  if (!success) throw fail('invalid_request', `${path}: expected a string or content blocks`, { param: path })
  return decodeContent(data, path, untranslated)
}

function decodeImage(source: RequestSource, path: string): Part | undefined {
  switch (source.type) {
    case 'base64':
      return inlineImage(
        required(source.data, `${path}.data`),
        required(source.media_type, `${path}.media_type`),
        `${path}.data`,
      )
    case 'url':
      return linkedImage(required(source.url, `${path}.url`), '', `${path}.url`)
    default:
      return undefined
  }
}

function decodeDocument(source: RequestSource, name: string, path: string): Part | undefined {
  switch (source.type) {
    case 'base64': {
      const file = inlineFile(required(source.data, `${path}.data`), name, `${path}.data`)
      if (file.kind.case === 'file') file.kind.value.mediaType = source.media_type ?? 'application/pdf'
      return file
    }
    case 'text': {
      const data = new Uint8Array(new TextEncoder().encode(required(source.data, `${path}.data`)))
      return document({ case: 'data', value: data }, source.media_type ?? 'text/plain', name)
    }
    case 'url': {
      const url = required(source.url, `${path}.url`)
      const file = linkedFile(url, name, `${path}.url`)
      if (file.kind.case === 'file') file.kind.value.mediaType = 'application/pdf'
      return file
    }
    case 'file':
      return fileId(required(source.file_id, `${path}.file_id`), name)
    default:
      return undefined
  }
}

function document(source: { case: 'data'; value: Uint8Array }, mediaType: string, name: string): Part {
  return part({ case: 'file', value: { $typeName: 'switchyard.v1.File', source, mediaType, name } })
}

/** The tool's definition under its own name, for the vendor that runs it. */
export function isProviderTool(tool: RequestTool): boolean {
  return tool.type != null && tool.type !== 'custom'
}

function required<Value>(value: Value | null | undefined, path: string): Value {
  if (value == null) throw fail('invalid_request', `${path} is required`, { param: path })
  return value
}
