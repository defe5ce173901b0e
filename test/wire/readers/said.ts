import { parseOrText } from '../case.ts'
import type { FinishClass } from '../finish.ts'

/** A call as an answer told it. */
interface SaidCall {
  /** Empty where there was none. */
  readonly id: string
  readonly name: string
  /** Parsed where it is JSON. Free text, and JSON that was cut, as it is. */
  readonly input: unknown
}

/** What any answer in any format says: the common ground for formats that have little else in common. */
export interface Said {
  /** Refusals included. */
  readonly text: string
  readonly reasoning: string
  readonly calls: readonly SaidCall[]
  readonly finish: FinishClass
  /** Tokens as the contract counts them: the input with what was cached, the output with reasoning. */
  readonly usage?: { readonly input: number; readonly output: number; readonly cacheRead: number }
}

/** How an answer differs from the recording, a line each. */
export function unlike(expected: Said, told: Said): string[] {
  // What a length stop left of an input is text in one format and nothing, or a part, in one that has only objects.
  const cutAt = expected.finish === 'length' ? expected.calls.length - 1 : -1
  const calls = (said: Said): string =>
    JSON.stringify(said.calls.map(({ name, input }, at) => (at === cutAt ? [name] : [name, plain(input)])))
  const ids = expected.calls.flatMap(({ id }, at) => (id === '' || id === told.calls[at]?.id ? [] : [id]))
  const counted = (said: Said): string => JSON.stringify([said.usage?.input, said.usage?.output, said.usage?.cacheRead])
  return [
    ...differing('text', expected.text, told.text),
    // Formats differ in what they put between two thoughts.
    ...differing('reasoning', expected.reasoning.replaceAll(/\s/g, ''), told.reasoning.replaceAll(/\s/g, '')),
    ...differing('tool calls', calls(expected), calls(told)),
    ...ids.map((id) => `the call ${id} has another id`),
    ...(sameEnd(expected, told.finish) ? [] : [`finished with ${told.finish}, not ${expected.finish}`]),
    ...(expected.usage === undefined ? [] : differing('usage', counted(expected), counted(told))),
  ]
}

/**
 * Formats without a word for a refusal have one for a filter; an end of no class is told by any word. Where a normal end
 * has one word whatever was said, the calls say the rest, also of those that the vendor had answered itself.
 */
function sameEnd({ finish: expected, calls }: Said, told: FinishClass): boolean {
  if (expected === 'stop' && told === 'tool_calls') return calls.length > 0
  const filtered = new Set(['content_filter', 'refusal'])
  return expected === 'other' || expected === told || (filtered.has(expected) && filtered.has(told))
}

/** One spelling of an input: none is an empty one; free text is in an object where a format has only those, and may be JSON itself. */
function plain(input: unknown): unknown {
  if (typeof input === 'string') return sorted(parseOrText(input) ?? {})
  if (input === null) return {}
  const only = typeof input === 'object' && input !== null ? Object.entries(input) : []
  const [[name, value] = []] = only
  return only.length === 1 && name === 'input' && typeof value === 'string' ? plain(value) : sorted(input)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(entries.map(([name, member]) => [name, sorted(member)]))
}

function differing(what: string, expected: string, told: string): string[] {
  if (expected === told) return []
  let same = 0
  while (same < expected.length && expected[same] === told[same]) same += 1
  const shown = (text: string): string => JSON.stringify(text.slice(Math.max(0, same - 10), same + 60))
  return [`${what} is ${shown(told)} (${told.length}), recorded ${shown(expected)} (${expected.length}), from ${same}`]
}

/** The class of a normal end by what was said. */
export function endByContent({ length }: readonly unknown[], refusal = ''): FinishClass {
  if (length > 0) return 'tool_calls'
  return refusal === '' ? 'stop' : 'refusal'
}
