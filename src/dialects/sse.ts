import { StringDecoder } from 'node:string_decoder'
import { createParser, type ParseError } from 'eventsource-parser'
import { fail } from '../error/index.ts'
import type { MessageReader, SseMessage } from './contract.ts'

/** Characters of one event, however it is framed: an upstream that never ends its line must not fill the memory. */
export const largestEvent = 32 * 1024 * 1024
/** Characters between the events that may turn out to be an error. */
const largestStray = 1024 * 1024

/** Throws `provider_error` for an event that is too large. */
export function refuseEndless(): never {
  throw fail('provider_error', "an event of the provider's answer is too large")
}

/** What a reader of server-sent events can be told. */
export interface SseOptions {
  /** The provider writes an error in the middle of a stream as bare JSON, which is read as a last event. */
  readonly bareError?: boolean
}

/**
 * Reads server-sent events: any line ends, comments and split characters, as their specification says. The end completes a last
 * event that no empty line follows. Throws `provider_error` for an event that is larger than 32 Mi characters.
 */
export function sseReader({ bareError = false }: SseOptions = {}): MessageReader {
  let messages: SseMessage[] = []
  let stray = ''
  const parser = createParser({
    maxBufferSize: largestEvent,
    onEvent: (message) => messages.push(message),
    // All other faults are comments in disguise, which the specification has readers pass over.
    onError: ({ type, line = '' }: ParseError) => {
      if (type === 'max-buffer-size-exceeded') refuseEndless()
      if (bareError && type === 'unknown-field' && stray.length + line.length < largestStray) stray += `${line}\n`
    },
  })
  const decoder = new StringDecoder('utf8')
  const take = (text: string): SseMessage[] => {
    parser.feed(text)
    if (messages.length === 0) return messages
    const taken = messages
    messages = []
    return taken
  }
  return {
    read: (bytes) => take(decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))),
    end: () => {
      const rest = take(`${decoder.end()}\n\n`)
      const text = stray.trim()
      return /^[[{]/.test(text) ? [...rest, { data: text }] : rest
    },
  }
}

/** Writes the data of one event, whose JSON may hold line breaks, where an upstream spread it over several lines. */
export function writeData(json: string): string {
  const broken = json.includes('\n') || json.includes('\r')
  return `data: ${broken ? json.replaceAll(/\r\n|\r|\n/g, '\ndata: ') : json}\n\n`
}

const typeInFront = /^\s*\{\s*"type"\s*:\s*"([\w.]+)"/

/** The type of an event as its own data tells it, most often first. One that could break the line it is written on is none. */
export function typeOfData(json: string): string {
  const type = typeInFront.exec(json)?.[1] ?? typeWithin(json)
  return typeof type === 'string' && /^[\w.]+$/.test(type) ? type : 'message'
}

/** The type that whoever parses an event's data reads: of one given twice, the last. */
export function typeWithin(json: string): unknown {
  try {
    return (JSON.parse(json) as { type?: unknown } | null)?.type
  } catch {
    return undefined
  }
}
