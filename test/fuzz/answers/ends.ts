import { asList, asMap, asText, parseOrText, streamValues } from '../../wire/case.ts'
import type { WireFormat } from '../../wire/format.ts'
import type { Answer } from './answer.ts'
import { framesOf } from './units.ts'

/** The formats of answers: those of the vendors, and the contract's own events. */
export type AnswerFormat = WireFormat | 'contract'

/** One thing that an upstream said: the name of its event, if it has one, and its value. */
interface Word {
  readonly event: string
  readonly value: unknown
}

/** Whether an upstream can be said to have ended its answer, judged by no more than the bytes that came. */
export function saidItsEnd(format: AnswerFormat, answer: Answer, given: Buffer): boolean {
  // A stream of events may begin with a byte order mark, which is no part of its first line.
  const text = given.toString().replace(/^\uFEFF/, '')
  // A whole answer is complete when it can be read at all.
  const whole = parsed(text)
  if (!isStream(format, answer) && whole !== undefined && !Array.isArray(whole)) return true
  if (text.includes('[DONE]') && (format === 'completions' || format === 'cohere')) return true
  const words = [
    ...framesOf(given).map(({ frame = '', data }) => ({ event: frame, value: parseOrText(data) })),
    ...wordsIn(text),
  ]
  return words.some((word) => ends[format](word, answer))
}

/** One event of a stream may be all that is left of it, and can be read as well. */
function isStream(format: AnswerFormat, { headers }: Answer): boolean {
  const type = headers['content-type'] ?? ''
  return format === 'ollama' || format === 'contract' || type.includes('text/event-stream')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Every JSON object in a text, however it is framed: by lines, by events, or as the elements of a list that never ends. */
function wordsIn(text: string): Word[] {
  return [...streamValues(text), ...objectsIn(text).map((object) => ({ event: '', value: parsed(object) }))]
}

/** The texts between braces that match, the outermost alone. */
function objectsIn(text: string): string[] {
  const objects: string[] = []
  let depth = 0
  let start = 0
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\[^])*"|[{}]/g)) {
    if (token === '{' && depth++ === 0) start = index
    if (token === '}' && depth > 0 && --depth === 0) objects.push(text.slice(start, index + 1))
  }
  return objects
}

const says = (value: unknown): boolean => value !== undefined && value !== null && value !== ''

const ends: Readonly<Record<AnswerFormat, (word: Word, answer: Answer) => boolean>> = {
  completions: ({ value }) =>
    asList(asMap(value)?.['choices']).some((choice) => says(asMap(choice)?.['finish_reason'])),
  anthropic: ({ event, value }) => {
    const map = asMap(value)
    const stops = [map, asMap(map?.['delta']), asMap(map?.['message'])].some((one) => says(one?.['stop_reason']))
    return stops || map?.['type'] === 'message_stop' || event === 'message_stop'
  },
  gemini: ({ value }) => {
    const chunks = [value, ...asList(value)].map(asMap)
    return chunks.some(
      (chunk) =>
        says(asMap(chunk?.['promptFeedback'])?.['blockReason']) ||
        asList(chunk?.['candidates']).some((candidate) => says(asMap(candidate)?.['finishReason'])),
    )
  },
  responses: ({ event, value }) =>
    [event, asText(asMap(value)?.['type'])].some(
      (type) => type === 'response.completed' || type === 'response.incomplete',
    ),
  bedrock: ({ event }) => event === 'messageStop',
  cohere: ({ event, value }) => event === 'message-end' || asMap(value)?.['type'] === 'message-end',
  ollama: ({ value }) => asMap(value)?.['done'] === true,
  contract: ({ value }) => asMap(value)?.['finished'] !== undefined,
}
