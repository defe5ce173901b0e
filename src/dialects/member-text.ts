import { endOfString } from './json.ts'

/**
 * The text of a member of a JSON object, as the client wrote it: not every number comes out of a parser as it went in.
 * The text must be valid JSON. Undefined when the object has no such member.
 */
export function memberText(text: string, name: string): string | undefined {
  let depth = 0
  let key = { start: 0, end: 0 }
  let value = -1
  for (let at = 0; at < text.length; at++) {
    switch (text.charAt(at)) {
      case '"': {
        const end = endOfString(text, at)
        if (depth === 1) key = { start: at, end }
        at = end - 1
        break
      }
      case ':':
        if (depth === 1 && JSON.parse(text.slice(key.start, key.end)) === name) value = at + 1
        break
      case '{':
      case '[':
        depth++
        break
      case ',':
        if (depth === 1 && value >= 0) return text.slice(value, at).trim()
        break
      case '}':
      case ']':
        if (depth === 1 && value >= 0) return text.slice(value, at).trim()
        depth--
        break
      default:
    }
  }
  return undefined
}
