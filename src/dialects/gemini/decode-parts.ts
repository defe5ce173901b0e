import type { JsonObject } from '@bufbuild/protobuf'
import type { Part } from '#gen/switchyard/v1/chat_pb.ts'
import { inlineAudio, inlineFile, inlineImage, linkedAudio, linkedImage, part, textPart, toolResult } from '../parts.ts'
import { noteUnknown } from '../untranslated.ts'
import { decodeSignature, googleVendor } from './signature.ts'
import { known, type RequestFunctionResponse, type RequestMedia, type RequestPart } from './types.ts'

/** What is known of the conversation while its parts are read, and where paths go that are not carried. */
export interface Reading {
  readonly untranslated: string[]
  readonly calls: CallBook
}

/** Ids that stand for calls to which the client gave none begin so; they are never shown to Google. */
export const namelessCall = 'gemini_call_'

/** The calls of a conversation, so that a result finds its call by name and order where the client uses no ids. */
export class CallBook {
  readonly #open: { readonly id: string; readonly name: string }[] = []
  #count = 0

  /** Notes a call, and gives it an id that is the same for the same conversation. */
  call(id: string, name: string): string {
    const given = id === '' ? `${namelessCall}${this.#count++}` : id
    this.#open.push({ id: given, name })
    return given
  }

  /** The id of the call that a result belongs to: the one of that id, else the first of that name which has none. */
  answer(id: string, name: string): string {
    const given = id === '' ? -1 : this.#open.findIndex((open) => open.id === id)
    const ofName = (open: { readonly id: string; readonly name: string }): boolean =>
      open.name === name && (id === '' || open.id.startsWith(namelessCall))
    const at = given < 0 ? this.#open.findIndex(ofName) : given
    const [found] = at < 0 ? [] : this.#open.splice(at, 1)
    return found?.id ?? (id === '' ? this.#missing(name) : id)
  }

  /** A result without a call keeps its function's name as its id. */
  #missing(name: string): string {
    return name
  }
}

/** Members that say something of a part beside what it holds. */
const beside: ReadonlySet<string> = new Set([
  'thought',
  'thoughtSignature',
  'videoMetadata',
  'mediaResolution',
  'partMetadata',
  'mediaProcessing',
  'speechMetadata',
])

/** Reads one part; undefined for one that holds nothing. Throws `invalid_request` for media that is no base64 or URL. */
export function decodePart(wire: RequestPart, path: string, reading: Reading): Part | undefined {
  const own = decodeKind(wire, path, reading)
  if (own?.kind.case === 'providerPart') return own
  noteUnknown(wire, known.part, path, reading.untranslated)
  if (own !== undefined) noteBeside(wire, own.kind.case, path, reading.untranslated)
  return own
}

/** What a part may hold, the one that is read first. Google takes one of them; the others would be lost without a word. */
const contents = [
  'functionCall',
  'functionResponse',
  'inlineData',
  'fileData',
  'executableCode',
  'codeExecutionResult',
  'text',
] as const satisfies (keyof typeof known.part)[]

/** Names what a part holds beside what was read, and what is said of it that its kind has no place for. */
function noteBeside(wire: RequestPart, kind: Part['kind']['case'], path: string, untranslated: string[]): void {
  const [, ...others] = contents.filter((name) => wire[name] != null)
  for (const name of others) untranslated.push(`${path}.${name}`)
  if (wire.thought === true && kind !== 'reasoning') untranslated.push(`${path}.thought`)
  if (wire.thoughtSignature && kind === 'toolResult') untranslated.push(`${path}.thoughtSignature`)
}

function decodeKind(wire: RequestPart, path: string, { untranslated, calls }: Reading): Part | undefined {
  const sealed = wire.thoughtSignature == null ? undefined : decodeSignature(wire.thoughtSignature)
  const seal = sealed === undefined ? {} : { signature: sealed.signature }
  const { functionCall, functionResponse, inlineData, fileData } = wire
  if (functionCall != null) {
    noteUnknown(functionCall, known.functionCall, `${path}.functionCall`, untranslated)
    const { name, args } = functionCall
    const value = {
      $typeName: 'switchyard.v1.ToolCall' as const,
      id: calls.call(functionCall.id ?? '', name),
      name,
      argumentsJson: args == null ? '' : JSON.stringify(args),
      custom: false,
      ...seal,
    }
    return part({ case: 'toolCall', value })
  }
  if (functionResponse != null) return decodeResult(functionResponse, `${path}.functionResponse`, untranslated, calls)
  const thought = wire.thought === true
  if (inlineData != null && !thought) {
    const media = decodeInline(inlineData.data ?? '', inlineData.mimeType ?? '', `${path}.inlineData.data`)
    if (sealed === undefined || media.kind.case === 'image') {
      noteUnknown(inlineData, known.blob, `${path}.inlineData`, untranslated)
      if (media.kind.case === 'image') Object.assign(media.kind.value, seal)
      named(media, inlineData.displayName, `${path}.inlineData.displayName`, untranslated)
      return media
    }
  }
  if (fileData != null && !thought && sealed === undefined) {
    noteUnknown(fileData, known.fileData, `${path}.fileData`, untranslated)
    const media = decodeLinked(fileData.fileUri, fileData.mimeType ?? '', `${path}.fileData.fileUri`)
    named(media, fileData.displayName, `${path}.fileData.displayName`, untranslated)
    return media
  }
  const type = Object.keys(wire).find((key) => key !== 'text' && !beside.has(key) && wire[key] != null)
  if (type !== undefined) return vendorPart(wire, type, sealed?.signature)
  if (wire.text == null && sealed === undefined) return undefined
  const text = wire.text ?? ''
  const redacted = sealed?.redacted === true
  if (thought)
    return part({ case: 'reasoning', value: { $typeName: 'switchyard.v1.Reasoning', text, redacted, ...seal } })
  const said = textPart(text)
  if (said.kind.case === 'text') Object.assign(said.kind.value, seal)
  return said
}

/** Reads bytes, or where they are; undefined for a piece that has neither. */
function decodeMedia({ inlineData, fileData }: RequestMedia, path: string, untranslated: string[]): Part | undefined {
  if (inlineData != null) {
    const at = `${path}.inlineData`
    const media = decodeInline(inlineData.data ?? '', inlineData.mimeType ?? '', `${at}.data`)
    noteUnknown(inlineData, known.blob, at, untranslated)
    named(media, inlineData.displayName, `${at}.displayName`, untranslated)
    return media
  }
  if (fileData == null) return undefined
  const at = `${path}.fileData`
  const media = decodeLinked(fileData.fileUri, fileData.mimeType ?? '', `${at}.fileUri`)
  noteUnknown(fileData, known.fileData, at, untranslated)
  named(media, fileData.displayName, `${at}.displayName`, untranslated)
  return media
}

/** A piece that only Google knows, verbatim but for its signature. */
function vendorPart(
  wire: object,
  type: string,
  signature: ReturnType<typeof decodeSignature>['signature'] | undefined,
): Part {
  const { thoughtSignature: _sealed, ...rest } = wire as Record<string, unknown>
  const value = {
    $typeName: 'switchyard.v1.ProviderPart' as const,
    vendor: googleVendor,
    type,
    json: JSON.stringify(rest),
    ...(signature !== undefined && { signature }),
  }
  return part({ case: 'providerPart', value })
}

function decodeInline(data: string, mimeType: string, path: string): Part {
  if (mimeType.startsWith('image/')) return inlineImage(data, mimeType, path)
  if (mimeType.startsWith('audio/')) return inlineAudio(data, mimeType, path)
  return typed(inlineFile(data, '', path), mimeType)
}

function decodeLinked(uri: string, mimeType: string, path: string): Part {
  if (mimeType.startsWith('image/')) return typed(linkedImage(uri, '', path), mimeType)
  if (mimeType.startsWith('audio/')) return typed(linkedAudio(uri, path), mimeType)
  const source = { case: 'url' as const, value: uri }
  return part({ case: 'file', value: { $typeName: 'switchyard.v1.File', source, mediaType: mimeType, name: '' } })
}

function typed(media: Part, mediaType: string): Part {
  if (media.kind.case === 'image' || media.kind.case === 'audio' || media.kind.case === 'file')
    media.kind.value.mediaType = mediaType
  return media
}

function named(media: Part, name: string | null | undefined, path: string, untranslated: string[]): void {
  if (name == null) return
  if (media.kind.case === 'file') media.kind.value.name = name
  else untranslated.push(path)
}

function decodeResult(wire: RequestFunctionResponse, path: string, untranslated: string[], calls: CallBook): Part {
  noteUnknown(wire, known.functionResponse, path, untranslated)
  const { text, isError } = readResponse(wire.response as JsonObject | null | undefined)
  const parts = text === undefined ? [] : [textPart(text)]
  for (const [index, piece] of (wire.parts ?? []).entries()) {
    const at = `${path}.parts[${index}]`
    const media = decodeMedia(piece, at, untranslated)
    if (media === undefined) untranslated.push(at)
    else {
      parts.push(media)
      noteUnknown(piece, known.media, at, untranslated)
    }
  }
  const id = calls.answer(wire.id ?? '', wire.name)
  if (wire.id && wire.id !== id) untranslated.push(`${path}.id`)
  return toolResult(id, parts, isError)
}

/**
 * The text of a result. Google wants an object, and by its convention `output` alone is what a function said and `error` alone
 * why it failed; any other object is kept as JSON.
 */
function readResponse(response: JsonObject | null | undefined): { text: string | undefined; isError: boolean } {
  if (response == null) return { text: undefined, isError: false }
  const { output, error } = response
  const alone = Object.keys(response).length === 1
  if (alone && typeof output === 'string' && !isObjectText(output)) return { text: output, isError: false }
  if (alone && typeof error === 'string') return { text: error, isError: true }
  return { text: JSON.stringify(response), isError: false }
}

/** True for the JSON text of an object, which is sent to Google as that object. */
export function isObjectText(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
