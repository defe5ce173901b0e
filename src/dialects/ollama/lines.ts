import type { MessageReader, SseMessage } from '../contract.ts'

/** Reads newline-delimited JSON: every line that is not empty is an event's data. The end completes a last line without a newline. */
export function lineReader(): MessageReader {
  const decoder = new TextDecoder()
  let rest = ''
  const take = (text: string): SseMessage[] => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    return lines.filter((line) => line.trim() !== '').map((data) => ({ data }))
  }
  return {
    read: (bytes) => take(decoder.decode(bytes, { stream: true })),
    end: () => take(`${decoder.decode()}\n`),
  }
}
