import type { MessageReader, SseMessage } from '../contract.ts'
import { largestEvent, refuseEndless } from '../sse.ts'

/**
 * Reads newline-delimited JSON: every line that is not empty is an event's data. The end completes a last line without a newline.
 * Throws `provider_error` for a line that is larger than 32 Mi characters.
 */
export function lineReader(): MessageReader {
  const decoder = new TextDecoder()
  /** The line that is not complete, in the pieces it came in: put together only once, however many there are. */
  let pieces: string[] = []
  let size = 0
  const take = (text: string): SseMessage[] => {
    const [first = '', ...lines] = text.split('\n')
    size += first.length
    if (size > largestEvent) refuseEndless()
    pieces.push(first)
    const last = lines.pop()
    if (last === undefined) return []
    const complete = [pieces.join(''), ...lines]
    pieces = [last]
    size = last.length
    return complete.filter((line) => line.trim() !== '').map((data) => ({ data }))
  }
  return {
    read: (bytes) => take(decoder.decode(bytes, { stream: true })),
    end: () => take(`${decoder.decode()}\n`),
  }
}
