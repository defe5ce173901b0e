import type { File, Image, Message, Part, Signature, ToolCall, ToolResult } from '#gen/switchyard/v1/chat_pb.ts'
import { Role } from '#gen/switchyard/v1/chat_pb.ts'
import { encodeBase64 } from '../parts.ts'
import { noteDetail } from '../uncarried.ts'
import { isObjectText, namelessCall } from './decode-parts.ts'
import { isRead, linkedType } from './linked.ts'
import { googleVendor } from './signature.ts'

/** What is known while messages are written. */
export interface Writing {
  /** Paths that are not carried. */
  readonly dropped: string[]
  /** Names of the functions called so far, by call id. */
  readonly names: Map<string, string>
  /** Whose signatures go out. */
  readonly vendor: string
  /** True where the provider fetches any https URL, instead of its own files alone. */
  readonly fetchesUrls: boolean
  /** True for models that refuse a call of theirs without its signature. */
  readonly wantsSignatures: boolean
}

/** A turn as Google takes it. */
export interface WireContent {
  role: 'user' | 'model'
  parts: object[]
}

/** Stands for the signature of a call that another model made: documented by Google for moved conversations. */
const unsigned = 'skip_thought_signature_validator'

/** Writes turns: results of functions are the user's, and turns of one role that follow each other become one. */
export function encodeContents(messages: readonly (readonly [Message, string])[], writing: Writing): WireContent[] {
  const contents: WireContent[] = []
  for (const [message, path] of messages) {
    if (message.name !== '') writing.dropped.push(`${path}.name`)
    const role = message.role === Role.ASSISTANT ? 'model' : 'user'
    const parts = message.parts.flatMap((part, index) => encodePart(part, `${path}.parts[${index}]`, writing) ?? [])
    if (parts.length === 0) continue
    const last = contents.at(-1)
    if (last?.role === role) last.parts.push(...parts)
    else contents.push({ role, parts })
  }
  if (writing.wantsSignatures) for (const content of contents) signFirstCall(content)
  return contents
}

/** Only the first of parallel calls carries a signature. */
function signFirstCall({ role, parts }: WireContent): void {
  if (role !== 'model') return
  const first = parts.find((part) => 'functionCall' in part)
  if (first !== undefined && !('thoughtSignature' in first)) Object.assign(first, { thoughtSignature: unsigned })
}

/** Writes one part; undefined for one without a place in the format, whose path is then noted, or for one that says nothing. */
export function encodePart(part: Part, path: string, writing: Writing): object | undefined {
  const { kind } = part
  const { dropped } = writing
  if (part.cacheControl !== undefined) dropped.push(`${path}.cache_control`)
  const lose = (): undefined => void dropped.push(path)
  switch (kind.case) {
    case 'text': {
      const seal = sealOf(kind.value.signature, path, writing)
      return kind.value.text === '' && seal.thoughtSignature === undefined
        ? undefined
        : { text: kind.value.text, ...seal }
    }
    case 'reasoning': {
      const { text, signature, redacted } = kind.value
      const seal = sealOf(signature, path, writing)
      if (text === '' && seal.thoughtSignature === undefined)
        return redacted && signature === undefined ? lose() : undefined
      return { text, thought: true, ...seal }
    }
    case 'refusal':
      return kind.value.text === '' ? undefined : { text: kind.value.text }
    case 'image': {
      const media = encodeMedia(kind.value, '', writing)
      if (media === undefined) return lose()
      noteDetail(kind.value, path, dropped)
      return { ...media, ...sealOf(kind.value.signature, path, writing) }
    }
    case 'audio':
      return encodeMedia(kind.value, '', writing) ?? lose()
    case 'file':
      return encodeMedia(kind.value, kind.value.name, writing) ?? lose()
    case 'toolCall':
      return encodeCall(kind.value, path, writing)
    case 'toolResult':
      return encodeResult(kind.value, path, writing)
    case 'providerPart': {
      const { vendor, json, signature } = kind.value
      if (vendor !== googleVendor) return lose()
      return { ...(JSON.parse(json) as object), ...sealOf(signature, path, writing) }
    }
    default:
      return undefined
  }
}

/** A signature for its own vendor; any other's is named as dropped. */
function sealOf(
  signature: Signature | undefined,
  path: string,
  { vendor, dropped }: Writing,
): { thoughtSignature?: string } {
  if (signature === undefined) return {}
  if (signature.vendor === vendor) return { thoughtSignature: signature.value }
  dropped.push(`${path}.signature`)
  return {}
}

function encodeMedia(
  { source, mediaType }: Pick<Image | File, 'source' | 'mediaType'>,
  name: string,
  writing: Pick<Writing, 'fetchesUrls'>,
): object | undefined {
  const called = name === '' ? {} : { displayName: name }
  if (source.case === 'data') {
    const mimeType = mediaType === '' ? 'application/octet-stream' : mediaType
    return { inlineData: { mimeType, data: encodeBase64(source.value), ...called } }
  }
  if (source.case !== 'url') return undefined
  if (!isRead(source.value, writing)) return undefined
  const mimeType = linkedType(source.value, mediaType)
  return { fileData: { ...(mimeType !== '' && { mimeType }), fileUri: source.value, ...called } }
}

/** Ids are kept, except those that stand for none. */
function idOf(id: string): { id?: string } {
  return id === '' || id.startsWith(namelessCall) ? {} : { id }
}

function encodeCall({ id, name, argumentsJson, signature }: ToolCall, path: string, writing: Writing): object {
  writing.names.set(id, name)
  const args = argumentsOf(argumentsJson)
  return {
    functionCall: { ...idOf(id), name, ...(args !== undefined && { args }) },
    ...sealOf(signature, path, writing),
  }
}

/** Arguments must be an object: what is none, being cut short or free text, is its `input`. */
function argumentsOf(text: string): unknown {
  if (text === '') return undefined
  return isObjectText(text) ? JSON.parse(text) : { input: text }
}

function encodeResult({ toolCallId, parts, isError }: ToolResult, path: string, writing: Writing): object {
  const known = writing.names.get(toolCallId)
  const texts = parts.flatMap(({ kind }) => (kind.case === 'text' ? [kind.value.text] : []))
  const media = parts.flatMap((part, index) => {
    if (part.kind.case === 'text') return []
    const encoded = encodePart(part, `${path}.parts[${index}]`, writing)
    return encoded === undefined || !('inlineData' in encoded || 'fileData' in encoded) ? [] : [encoded]
  })
  const functionResponse = {
    ...(known !== undefined && idOf(toolCallId)),
    name: known ?? toolCallId,
    response: responseOf(texts, isError),
    ...(media.length > 0 && { parts: media }),
  }
  return { functionResponse }
}

/** Google's convention: `output` for what a function said, `error` for why it failed; an object is the answer itself. */
function responseOf(texts: readonly string[], isError: boolean): unknown {
  if (texts.length === 0) return {}
  const text = texts.join('\n')
  if (isError) return { error: text }
  return isObjectText(text) ? JSON.parse(text) : { output: text }
}
