import type { MessageReader, SseMessage } from '../contract.ts'
import { largestEvent, refuseEndless, sseReader } from '../sse.ts'

/**
 * Cuts a streamed answer into its chunks: server-sent events, or where the provider answers with JSON one array that grows. An
 * error in the middle of a stream of events comes as bare JSON, which is read as a last event.
 */
export function answerReader(contentType: string): MessageReader {
  return contentType.includes('json') ? arrayReader() : sseReader({ bareError: true })
}

/** Reads `[{…},{…}]` object by object, as they are completed; a single object alone is read too. Throws `provider_error` for one without end. */
function arrayReader(): MessageReader {
  const decoder = new TextDecoder()
  let text = ''
  let at = 0
  let depth = 0
  let inString = false
  let escaped = false
  const scan = (): SseMessage[] => {
    const messages: SseMessage[] = []
    let start = 0
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (inString) {
        if (escaped) escaped = false
        else if (code === 0x5c) escaped = true
        else if (code === 0x22) inString = false
      } else if (code === 0x22) inString = true
      else if (code === 0x7b) {
        if (depth++ === 0) start = at
      } else if (code === 0x7d && depth > 0 && --depth === 0) {
        messages.push({ data: text.slice(start, at + 1) })
        start = at + 1
      }
    }
    text = text.slice(start)
    at = text.length
    return messages
  }
  return {
    read(bytes) {
      text += decoder.decode(bytes, { stream: true })
      if (text.length > largestEvent) refuseEndless()
      return scan()
    },
    end() {
      text += decoder.decode()
      const messages = scan()
      if (depth > 0 || /[^\s,[\]]/.test(text)) messages.push({ data: text })
      return messages
    },
  }
}
