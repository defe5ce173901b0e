import { Buffer } from 'node:buffer'
import { EventStreamCodec } from '@smithy/eventstream-codec'
import type { MessageReader, SseMessage } from '../contract.ts'

/** The event name of a message that tells an exception, or a frame that cannot be read: its data is `{type, message}`. */
export const exceptionEvent = 'exception'

/** More than any frame the service sends; a larger length is a sign of bytes that are no frames. */
const largestFrame = 24 * 1024 * 1024
const smallestFrame = 16

/**
 * Reads the binary frames of `application/vnd.amazon.eventstream`: a length, headers, a payload and two checksums. A frame's
 * `:event-type` becomes the event, its JSON payload the data. A broken frame is told as an exception, and nothing is read after it.
 */
export function frameReader(): MessageReader {
  const codec = new EventStreamCodec(
    (bytes) => (typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes)),
    (text) => new TextEncoder().encode(text),
  )
  let rest = Buffer.alloc(0)
  let broken = false
  const take = (messages: SseMessage[]): boolean => {
    if (rest.length < 4) return false
    const length = rest.readUInt32BE(0)
    if (length < smallestFrame || length > largestFrame) throw new Error('a frame has an impossible length')
    if (rest.length < length) return false
    messages.push(messageOf(codec, rest.subarray(0, length)))
    rest = rest.subarray(length)
    return true
  }
  return {
    read(bytes) {
      const messages: SseMessage[] = []
      if (broken) return messages
      rest = rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([rest, bytes])
      try {
        while (take(messages));
      } catch {
        broken = true
        messages.push(exception('', 'the frames of the stream are broken'))
      }
      return messages
    },
    end: () => [],
  }
}

function messageOf(codec: EventStreamCodec, frame: Uint8Array): SseMessage {
  const { headers, body } = codec.decode(frame)
  const header = (name: string): string => {
    const value = headers[name]?.value
    return typeof value === 'string' ? value : ''
  }
  const data = new TextDecoder().decode(body)
  switch (header(':message-type')) {
    case 'exception':
      return exception(header(':exception-type'), messageIn(data))
    case 'error':
      return exception(header(':error-code'), header(':error-message'))
    default:
      return { event: header(':event-type'), data }
  }
}

function exception(type: string, message: string): SseMessage {
  return { event: exceptionEvent, data: JSON.stringify({ type, message }) }
}

function messageIn(data: string): string {
  try {
    const value = JSON.parse(data) as { message?: unknown; Message?: unknown } | null
    const message = value?.message ?? value?.Message
    return typeof message === 'string' ? message : ''
  } catch {
    return ''
  }
}
