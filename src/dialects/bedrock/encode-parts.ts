import { hash } from 'node:crypto'
import type { CacheControl, File, Image, Part, Reasoning, ToolCall } from '#gen/switchyard/v1/chat_pb.ts'
import { encodeBase64 } from '../parts.ts'
import { entryOf } from '../entry.ts'
import { noteDetail } from '../uncarried.ts'

/** What the parts of one request share. */
export interface PartContext {
  /** Whose signatures and pieces may be sent. */
  readonly vendor: string
  readonly dropped: string[]
  /** Names of documents so far, as no two of a request may be the same. */
  readonly documents: Set<string>
}

/** The blocks of the parts; what has no place in Converse is named in `dropped`. */
export function encodeParts(parts: readonly Part[], path: string, context: PartContext): object[] {
  return parts.flatMap((part, index) => {
    const blocks = encodePart(part, `${path}.parts[${index}]`, context)
    return part.cacheControl === undefined || blocks.length === 0 ? blocks : [...blocks, cachePoint(part.cacheControl)]
  })
}

/** The block that asks for everything before it to be kept in the cache. */
export function cachePoint({ ttlSeconds }: CacheControl): object {
  return { cachePoint: { type: 'default', ...(ttlSeconds >= 3600 && { ttl: '1h' }) } }
}

function encodePart({ kind }: Part, path: string, context: PartContext): object[] {
  const drop = (what = path): object[] => {
    context.dropped.push(what)
    return []
  }
  switch (kind.case) {
    case 'text':
    case 'refusal':
      return kind.value.text === '' ? [] : [{ text: kind.value.text }]
    case 'image': {
      const blocks = encodeImage(kind.value)
      if (blocks === undefined) return drop()
      noteDetail(kind.value, path, context.dropped)
      return blocks
    }
    case 'file':
      return encodeDocument(kind.value, context) ?? drop()
    case 'toolCall':
      return [encodeCall(kind.value, path, context)]
    case 'toolResult': {
      const { toolCallId, parts, isError } = kind.value
      const content = encodeParts(parts, path, context)
      return [{ toolResult: { toolUseId: toolUseId(toolCallId), content, status: isError ? 'error' : 'success' } }]
    }
    case 'reasoning':
      return encodeReasoning(kind.value, context.vendor) ?? drop()
    case 'providerPart':
      return kind.value.vendor === context.vendor ? [JSON.parse(kind.value.json) as object] : drop()
    default:
      return drop()
  }
}

/** Reasoning goes back only as the vendor signed it. */
function encodeReasoning({ text, signature, redacted }: Reasoning, vendor: string): object[] | undefined {
  if (signature?.vendor !== vendor) return undefined
  if (redacted) return [{ reasoningContent: { redactedContent: signature.value } }]
  return [{ reasoningContent: { reasoningText: { text, signature: signature.value } } }]
}

/** Arguments are an object here: free text becomes its `input`, and arguments that were cut short are left out and named. */
function encodeCall({ id, name, argumentsJson, custom }: ToolCall, path: string, { dropped }: PartContext): object {
  const input = custom ? { input: argumentsJson } : objectOf(argumentsJson)
  if (input === undefined) dropped.push(`${path}.arguments_json`)
  return { toolUse: { toolUseId: toolUseId(id), name, input: input ?? {} } }
}

function objectOf(json: string): object | undefined {
  try {
    const value: unknown = JSON.parse(json === '' ? '{}' : json)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The id of a call as Converse takes it, at most 64 of `[A-Za-z0-9_-]`; another vendor's is replaced by one made from it. */
function toolUseId(id: string): string {
  return /^[\w-]{1,64}$/.test(id) ? id : `call_${hash('sha256', id).slice(0, 32)}`
}

const imageFormats: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpeg',
  'image/jpg': 'jpeg',
  'image/gif': 'gif',
  'image/webp': 'webp',
}

function encodeImage({ source, mediaType }: Image): object[] | undefined {
  const url = source.case === 'url' ? source.value : ''
  const format = entryOf(imageFormats, mediaType) ?? entryOf(imageFormats, `image/${extensionOf(url)}`)
  const encoded = encodeSource(source)
  return format === undefined || encoded === undefined ? undefined : [{ image: { format, source: encoded } }]
}

const documentFormats: Readonly<Record<string, string>> = {
  'application/pdf': 'pdf',
  'text/csv': 'csv',
  'application/msword': 'doc',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/vnd.ms-excel': 'xls',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
  'text/html': 'html',
  'text/plain': 'txt',
  'text/markdown': 'md',
}
const extensions = new Set(Object.values(documentFormats))

function encodeDocument({ source, mediaType, name }: File, { documents }: PartContext): object[] | undefined {
  const extension = extensionOf(name === '' && source.case === 'url' ? source.value : name)
  const format = entryOf(documentFormats, mediaType) ?? (extensions.has(extension) ? extension : undefined)
  const encoded = source.case === 'id' ? undefined : encodeSource(source)
  if (format === undefined || encoded === undefined) return undefined
  return [{ document: { format, name: documentName(name, documents), source: encoded } }]
}

/** A name of letters, digits, single spaces, hyphens and brackets, which is all that is taken, and no other document has. */
function documentName(name: string, taken: Set<string>): string {
  const plain = name
    .replaceAll(/[^A-Za-z0-9\s()[\]-]+/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 180)
  const base = plain === '' ? `Document ${taken.size + 1}` : plain
  let unique = base
  for (let copy = 2; taken.has(unique); copy++) unique = `${base} (${copy})`
  taken.add(unique)
  return unique
}

/** Bytes, or an object in the vendor's own storage; an address elsewhere has no place. */
function encodeSource(source: Image['source'] | Exclude<File['source'], { case: 'id' }>): object | undefined {
  if (source.case === 'data') return { bytes: encodeBase64(source.value) }
  if (source.case === 'url' && source.value.startsWith('s3://')) return { s3Location: { uri: source.value } }
  return undefined
}

function extensionOf(name: string): string {
  return /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase().replace('jpg', 'jpeg') ?? ''
}
