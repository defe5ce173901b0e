import { z } from 'zod'
import { parseStrictJson } from '../dialects/json.ts'
import { memberText } from '../dialects/member-text.ts'
import { asGatewayError } from '../error/index.ts'
import type { BatchProblem, NewLine } from '../store/contract.ts'
import type { Refusal } from './contract.ts'
import type { TextLine } from './read-lines.ts'

/** Most characters of a `custom_id`. */
const longestId = 512

/** No text of a store holds the character NUL. */
const withoutNul = /^[^\0]*$/

const shape = z.looseObject({
  custom_id: z.string().min(1).max(longestId).regex(withoutNul),
  method: z.string(),
  url: z.string().max(2048).regex(withoutNul),
  body: z.record(z.string(), z.unknown()),
})

/** Reads the lines of one input. Each is a request, or has what is wrong with it. */
export class LineChecker {
  readonly #refusal: Refusal
  readonly #endpoint: string
  readonly #seen = new Set<string>()

  /** Every line has to ask for the endpoint, unless that is empty. */
  constructor(refusal: Refusal, endpoint: string) {
    this.#refusal = refusal
    this.#endpoint = endpoint
  }

  /** A line as the store takes it. */
  check(read: TextLine): NewLine {
    const nothing: NewLine = { line: read.line, customId: '', method: '', url: '', body: '' }
    if ('problem' in read) return { ...nothing, problem: unreadable[read.problem] }
    const parsed = parse(read.text)
    if ('code' in parsed) return { ...nothing, problem: parsed }
    const customId = idOf(parsed.value)
    const shaped = shape.safeParse(parsed.value)
    if (!shaped.success) return { ...nothing, customId, problem: misshapen(shaped.error) }
    const { method, url } = shaped.data
    const problem = this.#problemOf(customId, method, url)
    if (problem !== undefined) return { ...nothing, customId, problem }
    this.#seen.add(customId)
    return { line: read.line, customId, method, url, body: memberText(read.text, 'body') ?? '{}' }
  }

  #problemOf(customId: string, method: string, url: string): BatchProblem | undefined {
    if (this.#seen.has(customId))
      return { code: 'duplicate_custom_id', message: 'an earlier line has the same custom_id' }
    if (this.#endpoint !== '' && url !== this.#endpoint)
      return { code: 'mismatched_url', message: `the url must be the endpoint of the batch, ${this.#endpoint}` }
    return this.#refusal(method, url)
  }
}

const unreadable = {
  too_long: { code: 'line_too_long', message: 'the line is longer than a request may be' },
  not_utf8: { code: 'invalid_json_line', message: 'the line is not valid UTF-8' },
} as const satisfies Record<string, BatchProblem>

function parse(text: string): { readonly value: unknown } | BatchProblem {
  try {
    return { value: parseStrictJson(text) }
  } catch (error) {
    return { code: 'invalid_json_line', message: asGatewayError(error).message.replace('the body', 'the line') }
  }
}

/** What the line calls itself, so that whoever wrote it finds it again, also where all else of it is wrong. */
function idOf(value: unknown): string {
  const id = (value as { readonly custom_id?: unknown } | null)?.custom_id
  return typeof id === 'string' ? id.slice(0, longestId).toWellFormed().replaceAll('\0', '\uFFFD') : ''
}

function misshapen({ issues: [issue] }: z.ZodError): BatchProblem {
  const field = String(issue?.path[0] ?? '')
  if (field === '')
    return { code: 'invalid_line', message: 'the line must be an object with custom_id, method, url and body' }
  return { code: 'invalid_line', message: `${field}: ${issue?.message ?? 'is not valid'}` }
}
