import { fail, type GatewayError } from '../error/index.ts'
import { decodeUtf8 } from './body.ts'

/** What the head of one part of a form says. */
export interface PartHead {
  /** Of the field, as sent: with `[]` where the client marks a list so. */
  readonly name: string
  /** Undefined for a part that is no file. Data, and never a path: it has no separators. */
  readonly fileName: string | undefined
  /** Lower case, without parameters; `text/plain` where the client says nothing. */
  readonly mediaType: string
}

/** Header fields as they were sent, by lower-case name, one character for each byte. */
export type RawHead = Readonly<Record<string, readonly string[]>>

/** Bytes of the head of a part, of its name and of its file name at most. */
const most = { head: 4096, name: 100, fileName: 255 }

/**
 * Reads the head of a part of `multipart/form-data` (RFC 7578). Throws `invalid_request`, naming the part where it has a name, for a
 * head without a name or with two, for one that is too long, and for a file name with a path in it.
 */
export function readPartHead(raw: RawHead): PartHead {
  if (lengthOf(raw) > most.head) throw fail('invalid_request', `the head of a part is over ${most.head} bytes`)
  const [disposition, second] = raw['content-disposition'] ?? []
  const parameters = disposition === undefined || second !== undefined ? undefined : readDisposition(disposition)
  const name = parameters?.get('name')
  if (name === undefined || name === '' || name.length > most.name || hasControls(name))
    throw fail('invalid_request', 'a part of the form has no proper name')
  const coding = raw['content-transfer-encoding']?.join(',').trim().toLowerCase()
  if (coding !== undefined && !['7bit', '8bit', 'binary'].includes(coding))
    throw partFault(name, 'has a transfer encoding, and must be sent as it is')
  const fileName = parameters?.get('filename*') ?? parameters?.get('filename')
  if (fileName !== undefined && !isFileName(fileName))
    throw partFault(name, `must have a file name of at most ${most.fileName} bytes, without a path`)
  return { name, fileName, mediaType: mediaTypeOf(raw['content-type']?.[0]) }
}

/** An error that names the part at fault. */
export function partFault(
  name: string,
  what: string,
  reason: 'invalid_request' | 'payload_too_large' = 'invalid_request',
): GatewayError {
  return fail(reason, `the part ${JSON.stringify(name)} ${what}`, { param: name })
}

/** The boundary that a content type names; undefined where it has none that may be one. */
export function boundaryOf(contentType: string): string | undefined {
  const found = /;\s*boundary=(?:"([^"\\]{1,70})"|([^\s;",]{1,70}))\s*(?:;|$)/i.exec(contentType)
  return found?.[1] ?? found?.[2]
}

function lengthOf(raw: RawHead): number {
  return Object.entries(raw).reduce((sum, [name, values]) => sum + name.length + values.join(': \r\n').length, 0)
}

/** The parameters of `form-data`; undefined where that cannot be read. */
function readDisposition(value: string): ReadonlyMap<string, string> | undefined {
  const rest = /^form-data\s*(?=;|$)/i.exec(value)
  if (rest === null) return undefined
  const parameter = /\s*;\s*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))\s*/y
  const parameters = new Map<string, string>()
  parameter.lastIndex = rest[0].length
  while (parameter.lastIndex < value.length) {
    const found = parameter.exec(value)
    if (found === null) return undefined
    const [, name = '', quoted, token = ''] = found
    const key = name.toLowerCase()
    if (parameters.has(key)) return undefined
    parameters.set(key, key.endsWith('*') ? decodeExtended(token) : decodeText(quoted ?? token))
  }
  return parameters
}

/** Browsers write a quote as `%22`, others with a backslash before it. */
function decodeText(raw: string): string {
  const text = decodeUtf8(Buffer.from(raw, 'latin1'))
  return text.replaceAll(/\\(["\\])/g, '$1').replaceAll(/%(22|0d|0a)/gi, (code) => decodeURIComponent(code))
}

/** A value in the form of RFC 8187: `UTF-8''na%C3%AFve.wav`. */
function decodeExtended(token: string): string {
  const found = /^utf-8'[\w-]*'(.*)$/i.exec(token)
  try {
    if (found !== null) return decodeURIComponent(found[1] ?? '')
  } catch {
    // Then it is refused as anything else that is no text.
  }
  throw fail('invalid_request', 'the file name of a part cannot be read')
}

function isFileName(name: string): boolean {
  return (
    Buffer.byteLength(name) <= most.fileName &&
    !/[/\\]/.test(name) &&
    name !== '.' &&
    name !== '..' &&
    !hasControls(name)
  )
}

function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text)
}

function mediaTypeOf(value = 'text/plain'): string {
  const type = value.split(';')[0]?.trim().toLowerCase() ?? ''
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type) ? type : 'application/octet-stream'
}
