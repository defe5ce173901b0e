import { createParser } from 'eventsource-parser'
import type { MessageReader, SseMessage } from '../contract.ts'

/**
 * Cuts a streamed answer into its chunks: server-sent events, or where the provider answers with JSON one array that grows. An
 * error in the middle of a stream of events comes as bare JSON, which is read as a last event.
 */
export function answerReader(contentType: string): MessageReader {
  return contentType.includes('json') ? arrayReader() : eventReader()
}

function eventReader(): MessageReader {
  let messages: SseMessage[] = []
  let stray = ''
  const parser = createParser({
    onEvent: (message) => messages.push(message),
    onError: (error) => {
      if (error.type === 'unknown-field') stray += `${error.line ?? ''}\n`
    },
  })
  const decoder = new TextDecoder()
  const take = (): SseMessage[] => {
    const taken = messages
    if (taken.length > 0) messages = []
    return taken
  }
  return {
    read(bytes) {
      parser.feed(decoder.decode(bytes, { stream: true }))
      return take()
    },
    end() {
      parser.feed(`${decoder.decode()}\n\n`)
      const text = stray.trim()
      if (/^[[{]/.test(text)) messages.push({ data: text })
      return take()
    },
  }
}

/** Reads `[{…},{…}]` object by object, as they are completed; a single object alone is read too. */
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
