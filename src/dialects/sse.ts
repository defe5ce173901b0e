import { StringDecoder } from 'node:string_decoder'
import { createParser } from 'eventsource-parser'
import type { SseMessage } from './contract.ts'

/** Turns the bytes of an event stream, cut anywhere, into its messages. Made for one stream. */
export interface SseReader {
  /** The messages that `bytes` completed. */
  read(bytes: Uint8Array): SseMessage[]
  /** A last message that the stream ended without an empty line after. */
  end(): SseMessage[]
}

/** A reader for one stream: any line ends, comments and split characters, as the specification of event streams says. */
export function sseReader(): SseReader {
  let messages: SseMessage[] = []
  const parser = createParser({ onEvent: (message) => messages.push(message) })
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
    end: () => take(`${decoder.end()}\n\n`),
  }
}
