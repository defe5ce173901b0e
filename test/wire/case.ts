import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

/** A JSON value as `JSON.parse` gives it. */
type Json = null | boolean | number | string | readonly Json[] | JsonMap

/** A JSON object. */
export interface JsonMap {
  readonly [key: string]: Json
}

/** Where a recording comes from. */
interface CaseSource {
  readonly repo: string
  readonly path: string
  readonly commit: string
  readonly license: string
  readonly provenance?: string
  readonly notes?: Json
}

/** What the recording client sent. A multipart upload has `{multipart: …}` as its body. */
interface CaseRequest {
  readonly method: string
  /** With the query string. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Null when it was not recorded. */
  readonly body: Json
  readonly host?: string
}

/** What the provider answered: exactly one of the six bodies. */
export interface CaseResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Json
  /** The text of an event stream. */
  readonly sse?: string
  readonly bodyText?: string
  readonly bodyBase64?: string
  /** Lines of a newline-delimited stream: the text, or its values. */
  readonly ndjson?: Json
  /** Binary frames, with the decoded ones beside them. */
  readonly eventstream?: { readonly base64: string }
  /** Bytes in each network chunk, as they were received. */
  readonly chunkSizes?: readonly number[]
  /** Whitespace sent before a JSON body. */
  readonly rawPrefix?: string
}

/** One recorded exchange. */
export interface WireCase {
  /** `api/name`, as a report names it. */
  readonly id: string
  /** The folder's name. */
  readonly api: string
  readonly source: CaseSource
  readonly request?: CaseRequest
  readonly response: CaseResponse
  readonly tags: readonly string[]
}

/** The six kinds of body a recording can have. */
export type BodyKind = 'body' | 'sse' | 'bodyText' | 'bodyBase64' | 'ndjson' | 'eventstream'

const bodyKinds = ['sse', 'body', 'bodyText', 'bodyBase64', 'ndjson', 'eventstream'] as const

/** Which body a recording has. Throws when it has none, so that a broken file is not read as an empty answer. */
export function bodyKind(response: CaseResponse): BodyKind {
  const kind = bodyKinds.find((name) => response[name] !== undefined)
  if (kind === undefined) throw new Error('the recording has no response body of a known kind')
  return kind
}

/** The bytes the provider sent. */
export function bodyBytes(response: CaseResponse): Buffer {
  const kind = bodyKind(response)
  switch (kind) {
    case 'sse':
      return Buffer.from(response.sse ?? '')
    case 'body':
      return Buffer.from((response.rawPrefix ?? '') + JSON.stringify(response.body))
    case 'bodyText':
      return Buffer.from(response.bodyText ?? '')
    case 'bodyBase64':
      return Buffer.from(response.bodyBase64 ?? '', 'base64')
    case 'ndjson':
      return Buffer.from(ndjsonText(response.ndjson))
    case 'eventstream':
      return Buffer.from(response.eventstream?.base64 ?? '', 'base64')
    default:
      return kind satisfies never
  }
}

function ndjsonText(lines: Json | undefined): string {
  if (typeof lines === 'string') return lines
  return Array.isArray(lines) ? lines.map((line) => `${JSON.stringify(line)}\n`).join('') : ''
}

/**
 * Reads the cases below a folder: a folder of API folders, or one API folder. In a stable order. A JSON file without a
 * recorded response is not a case and is passed over; one that is no JSON is an error.
 */
export function readCases(folder: string): WireCase[] {
  const entries = readdirSync(folder).toSorted()
  const below = entries.filter((entry) => statSync(join(folder, entry)).isDirectory())
  return [...casesIn(folder, basename(resolve(folder))), ...below.flatMap((api) => casesIn(join(folder, api), api))]
}

function casesIn(folder: string, api: string): WireCase[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return names.toSorted().flatMap((name) => readCase(join(folder, name), api))
}

function readCase(file: string, api: string): WireCase[] {
  const parsed = JSON.parse(readFileSync(file, 'utf8'), withoutSign) as Partial<WireCase> | null
  if (typeof parsed?.response?.status !== 'number') return []
  const wireCase = {
    id: `${api}/${basename(file, '.json')}`,
    api,
    source: parsed.source ?? { repo: '', path: '', commit: '', license: '' },
    ...(parsed.request && { request: parsed.request }),
    response: { ...parsed.response, headers: parsed.response.headers ?? {} },
    tags: parsed.tags ?? [],
  }
  return [wireCase]
}

/** A zero below nothing is no number that a replay could send. */
function withoutSign(_name: string, value: unknown): unknown {
  return value === 0 ? 0 : value
}

/** The value as an object, or undefined when it is anything else. */
export function asMap(value: unknown): JsonMap | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonMap) : undefined
}

/** The value as an array; empty when it is anything else. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The value as a string; empty when it is anything else. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The JSON values of an event stream's data lines, comments and `[DONE]` left out, each with its event's name. */
export function streamValues(sse: string): { readonly event: string; readonly value: unknown }[] {
  return dataLines(sse)
    .filter(({ data }) => data !== '[DONE]')
    .map(({ event, data }) => ({ event, value: parseOrText(data) }))
}

/** True when the stream carries the `[DONE]` that ends it. */
export function saysDone(sse: string): boolean {
  return dataLines(sse).some(({ data }) => data === '[DONE]')
}

/** The events of a stream by the rules of the HTML standard, as plainly as possible; a cut last event counts. */
function dataLines(sse: string): { readonly event: string; readonly data: string }[] {
  const blocks = sse.replaceAll(/\r\n?/g, '\n').split(/\n\n+/)
  return blocks.flatMap((block) => {
    const lines = block.split('\n')
    const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, ''))
    const event =
      lines
        .findLast((line) => line.startsWith('event:'))
        ?.slice(6)
        .trim() ?? ''
    return data.length === 0 ? [] : [{ event, data: data.join('\n') }]
  })
}

/** The parsed text, or the text itself when it is not JSON. */
export function parseOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/**
 * Whether a recording is of a chat completions API: by the path asked for, and where that says nothing by the shape of
 * the answer, never by the folder's name.
 */
export function isChatCompletions({ request, response }: WireCase): boolean {
  const path = request?.path.split('?')[0] ?? ''
  if (/\/chat\/completions\/?$/.test(path)) return request?.method.toUpperCase() !== 'GET'
  if (response.sse !== undefined) return streamValues(response.sse).some(({ value }) => isChatObject(value))
  return isChatObject(response.body)
}

function isChatObject(value: unknown): boolean {
  const map = asMap(value)
  if (map === undefined) return false
  if (map['object'] === 'chat.completion' || map['object'] === 'chat.completion.chunk') return true
  const choice = asMap(asList(map['choices'])[0])
  return asMap(choice?.['delta']) !== undefined || asMap(choice?.['message']) !== undefined
}
