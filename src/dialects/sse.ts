import { StringDecoder } from 'node:string_decoder'
import { createParser, type ParseError } from 'eventsource-parser'
import { fail } from '../error/index.ts'
import type { MessageReader, SseMessage } from './contract.ts'

/** Characters of one event: an upstream that never ends its line must not fill the memory. */
const largestEvent = 32 * 1024 * 1024

/** All other faults are comments in disguise, which the specification has readers pass over. */
function refuseEndless({ type }: ParseError): void {
  if (type === 'max-buffer-size-exceeded')
    throw fail('provider_error', "an event of the provider's answer is too large")
}

/**
 * Reads server-sent events: any line ends, comments and split characters, as their specification says. The end completes a last
 * event that no empty line follows. Throws `provider_error` for an event that is larger than 32 Mi characters.
 */
export function sseReader(): MessageReader {
  let messages: SseMessage[] = []
  const parser = createParser({
    maxBufferSize: largestEvent,
    onEvent: (message) => messages.push(message),
    onError: refuseEndless,
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
    end: () => take(`${decoder.end()}\n\n`),
  }
}
