import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import { fail } from '../../error/index.ts'

/** Members whose own members are fields of Google's too. What is not listed is a client's data, and left alone. */
interface Fields {
  readonly [name: string]: Fields
}

const media: Fields = { inlineData: {}, fileData: {} }
const part: Fields = { ...media, functionCall: {}, functionResponse: { parts: media } }
const content: Fields = { parts: part }
const request: Fields = {
  contents: content,
  systemInstruction: content,
  tools: { functionDeclarations: {} },
  toolConfig: { functionCallingConfig: {} },
  generationConfig: { thinkingConfig: {} },
}

/**
 * A request with its fields in lowerCamelCase. Google takes `top_p` and `topP` alike, wherever a field of its own stands; names
 * inside arguments, results and schemas stay. Throws `invalid_request` for a field given in both spellings.
 */
export function camelCased(body: JsonObject): JsonObject {
  return respell(
    body,
    { ...request, generateContentRequest: request, content, requests: { content } },
    '',
  ) as JsonObject
}

/** A field's name in lowerCamelCase. */
export function camelCase(name: string): string {
  return name.includes('_') ? name.replaceAll(/_+([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase()) : name
}

function respell(value: JsonValue, fields: Fields, path: string): JsonValue {
  if (Array.isArray(value)) return value.map((item, index) => respell(item, fields, `${path}[${index}]`))
  if (value === null || typeof value !== 'object') return value
  const out: JsonObject = {}
  for (const [name, member] of Object.entries(value)) {
    const spelled = name.startsWith('_') ? name : camelCase(name)
    const at = path === '' ? spelled : `${path}.${spelled}`
    if (Object.hasOwn(out, spelled)) throw fail('invalid_request', `${at} is given twice`, { param: at })
    const within = Object.hasOwn(fields, spelled) ? fields[spelled] : undefined
    out[spelled] = within === undefined ? member : respell(listed(spelled, member), within, at)
  }
  return out
}

/** A list of one may be written without its brackets, as JSON of protocol buffers goes. */
function listed(name: string, member: JsonValue): JsonValue {
  const single = member !== null && typeof member === 'object' && !Array.isArray(member)
  return single && (name === 'contents' || name === 'parts' || name === 'tools') ? [member] : member
}
