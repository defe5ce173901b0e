import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'

/** A form that a client sent. */
export interface Form {
  /** The value of each field: a list where it was there more than once, or as `name[]`, which is here under `name`. */
  readonly fields: ReadonlyMap<string, string | readonly string[]>
  readonly files: ReadonlyMap<string, FormFile>
}

/** A file of a form, for as long as the form is there. */
export interface FormFile {
  /** What the client calls it; empty when it does not. Data, and never a path. */
  readonly name: string
  /** What the client says it is, lower case and without parameters. */
  readonly mediaType: string
  readonly bytes: number
  /** All of it, in one buffer of its size. */
  read(): Promise<Uint8Array<ArrayBuffer>>
  /** All of it, in pieces. */
  stream(): AsyncIterable<Uint8Array>
}

/** The number that a field of a form spells, as any client's language writes one; the text itself where it is none. */
export function numberIn(text: string): number | string {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : text
}

/** A file to be sent in a form. */
export interface SentFile {
  /** Name of the field. */
  readonly field: string
  /** What it is called: data, which is written so that it cannot be taken for anything else. */
  readonly name: string
  readonly mediaType: string
  readonly bytes: Uint8Array
}

/** A form as it is sent: one body in pieces, so that the file in it need not be copied. */
export interface EncodedForm {
  readonly contentType: string
  readonly body: readonly Uint8Array[]
}

/**
 * Writes `multipart/form-data` (RFC 7578). A value that is a list is a field for each of its members, named `name[]`; one that is no text
 * is written as JSON. Null and undefined are left out.
 */
export function encodeForm(fields: Readonly<Record<string, unknown>>, file: SentFile): EncodedForm {
  const boundary = `switchyard-${randomUUID()}`
  const parts = Object.entries(fields).flatMap(([name, value]) => {
    if (value === null || value === undefined) return []
    if (!Array.isArray(value)) return [part(boundary, name, value)]
    return value.map((member) => part(boundary, `${name}[]`, member))
  })
  const { field, name, mediaType, bytes } = file
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(field)}"; filename="${quoted(name)}"\r\n`
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: [
      Buffer.from(`${parts.join('')}${head}content-type: ${mediaType.replaceAll(/[^\x20-\x7e]/g, '')}\r\n\r\n`),
      bytes,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ],
  }
}

function part(boundary: string, name: string, value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"\r\n\r\n${text}\r\n`
}

/** As browsers write a name: what would end it is percent-encoded. */
function quoted(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}
