import { asList, asMap, asText, isChatCompletions, type JsonMap, streamValues, type WireCase } from './case.ts'

/** The wire formats of chats that the gateway is asked in, or asks in, and that have checks here. */
export type WireFormat = 'completions' | NativeFormat

/** Those that are not chat completions. */
export type NativeFormat = 'anthropic' | 'gemini' | 'responses' | 'bedrock' | 'cohere' | 'ollama'

/** What the end of a path says. Paths of other calls of the same vendor, such as counting tokens, match none. */
const paths: readonly (readonly [RegExp, NativeFormat])[] = [
  [/\/v1\/messages\/?$/, 'anthropic'],
  [/\/publishers\/anthropic\/models\/[^/]+:(?:rawPredict|streamRawPredict)$/, 'anthropic'],
  [/\/models\/[^/]+:(?:generateContent|streamGenerateContent)$/, 'gemini'],
  [/\/responses\/?$/, 'responses'],
  [/\/model\/[^/]+\/converse(?:-stream)?$/, 'bedrock'],
  [/\/v2\/chat\/?$/, 'cohere'],
  [/\/api\/chat\/?$/, 'ollama'],
]

/**
 * The format of a recorded chat: by the path asked for and, where no path was recorded, by the shape of the answer, never by
 * the folder's name. Undefined for what is no chat, what is not answered yet, and for formats without a check.
 */
export function formatOf(wireCase: WireCase): WireFormat | undefined {
  if (isChatCompletions(wireCase)) return 'completions'
  const { request, response } = wireCase
  if (request !== undefined && request.method.toUpperCase() !== 'POST') return undefined
  const status = asText(asMap(response.body)?.['status'])
  if (status === 'queued' || status === 'in_progress') return undefined
  const path = request?.path.split('?')[0] ?? ''
  if (path === '') return formatOfAnswer(wireCase)
  return paths.find(([pattern]) => pattern.test(path))?.[1]
}

function formatOfAnswer({ response: { sse, body, eventstream } }: WireCase): NativeFormat | undefined {
  if (eventstream !== undefined) return 'bedrock'
  const values = sse === undefined ? asList(body).concat(body) : streamValues(sse).map(({ value }) => value)
  const found = values.map((value) => formatOfValue(asMap(value) ?? {}))
  return found.find((format) => format !== undefined)
}

function formatOfValue(value: JsonMap): NativeFormat | undefined {
  const type = asText(value['type'])
  if (type === 'message' || type === 'message_start') return 'anthropic'
  if (value['candidates'] !== undefined || value['promptFeedback'] !== undefined) return 'gemini'
  if (value['object'] === 'response' || type.startsWith('response.')) return 'responses'
  if (value['stopReason'] !== undefined && value['output'] !== undefined) return 'bedrock'
  if (type === 'message-start' || type === 'message-end') return 'cohere'
  return value['done'] === true && value['message'] !== undefined ? 'ollama' : undefined
}

/** The formats with an endpoint that counts the tokens of a request. */
export type CountFormat = 'anthropic' | 'gemini'

/** The format of a recorded count of tokens, by its path; undefined for everything else. */
export function countFormatOf({ request }: WireCase): CountFormat | undefined {
  const path = request?.path.split('?')[0] ?? ''
  if (request?.method.toUpperCase() !== 'POST') return undefined
  if (/\/v1\/messages\/count_tokens\/?$/.test(path)) return 'anthropic'
  return /\/models\/[^/]+:countTokens$/.test(path) ? 'gemini' : undefined
}

/** Whether the recording answers a request for a stream: by what was asked, and by its body. */
export function isNativeStream({ request, response }: WireCase): boolean {
  if ((response.sse ?? response.ndjson ?? response.eventstream) !== undefined) return true
  if (/:stream|-stream$/.test(request?.path ?? '')) return true
  return asMap(request?.body)?.['stream'] === true && response.status >= 400
}
