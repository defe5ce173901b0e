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
  /** What no frame was made of yet, in the pieces it came in: put together only when a frame is complete. */
  let pieces: Buffer[] = []
  let size = 0
  let wanted = smallestFrame
  let broken = false
  /** The frames that are complete. Leaves what follows them. */
  const take = (messages: SseMessage[]): void => {
    let rest = Buffer.concat(pieces)
    for (;;) {
      wanted = rest.length < smallestFrame ? smallestFrame : rest.readUInt32BE(0)
      if (wanted < smallestFrame || wanted > largestFrame) throw new Error('a frame has an impossible length')
      if (rest.length < wanted) break
      messages.push(messageOf(codec, rest.subarray(0, wanted)))
      rest = rest.subarray(wanted)
    }
    pieces = [rest]
    size = rest.length
  }
  return {
    read(bytes) {
      const messages: SseMessage[] = []
      if (broken) return messages
      pieces.push(Buffer.from(bytes))
      size += bytes.length
      if (size < wanted) return messages
      try {
        take(messages)
      } catch {
        broken = true
        pieces = []
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
