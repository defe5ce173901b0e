import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import { fail } from '../error/index.ts'
import { dottedPath } from './validate.ts'
import type { JsonBody } from './contract.ts'

/** How deep objects and arrays of a request may nest. */
export const depthLimit = 64
/** How many values a request may hold: checking a body that is wrong everywhere costs memory and time for each of them. */
export const valueLimit = 150_000

/** Where the value of a top-level member stands in a JSON text. */
export interface Span {
  readonly start: number
  readonly end: number
}

interface Scan {
  /** Members of all objects in the text, duplicates included. */
  readonly members: number
  /** Where the values of the top-level members named `model` stand. */
  readonly models: readonly Span[]
  /** Top-level members that an upstream that ignores case takes for `model`. */
  readonly alike: number
  /** True when a number may be beyond those that JavaScript has. */
  readonly large: boolean
}

const quote = 0x22
const backslash = 0x5c

/** The index behind the string that opens at `start`; the text's length when it does not end. */
export function endOfString(text: string, start: number): number {
  let end = start
  for (;;) {
    end = text.indexOf('"', end + 1)
    if (end < 0) return text.length
    let escapes = 0
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes++
    if (escapes % 2 === 0) return end + 1
  }
}

/** Five letters, each of them written as an escape of six characters, and the quotes. */
const longestModelKey = 32

/** The name of a member when it may be a spelling of `model`, escapes included, so that none gets past. */
function nameLikeModel(text: string, start: number, end: number): unknown {
  if (end - start === 7) return text.slice(start + 1, end - 1)
  if (end - start > longestModelKey) return undefined
  const literal = text.slice(start, end)
  return literal.includes('\\u') ? unescaped(literal) : undefined
}

function unescaped(literal: string): unknown {
  try {
    return JSON.parse(literal)
  } catch {
    return undefined
  }
}

/** A number of fewer digits is none beyond those that JavaScript has, unless it has an exponent. */
const mostDigits = 300

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0x30 && code <= 0x39
}

/** True for three digits or more after the `e` of a number. */
function isLongExponent(text: string, start: number): boolean {
  const first = text.charCodeAt(start) === 0x2b ? start + 1 : start
  return isDigit(text, first) && isDigit(text, first + 1) && isDigit(text, first + 2)
}

/**
 * One pass over a JSON text, strings skipped whole, before anything parses or copies it. Throws `invalid_request` when it
 * nests too deep or holds too many values; leaves all other errors of syntax to the parser.
 */
function scan(text: string): Scan {
  const models: Span[] = []
  let members = 0
  let values = 1
  let alike = 0
  let depth = 0
  let valueStart = -1
  let lastString: [number, number] = [0, 0]
  let large = false
  /** Behind the last sign or string: where a number begins, if there is one. */
  let since = 0
  const endValue = (end: number) => {
    if (valueStart >= 0) models.push({ start: valueStart, end })
    valueStart = -1
  }
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case quote: {
        const end = endOfString(text, index)
        lastString = [index, end]
        index = end - 1
        since = end
        break
      }
      case 0x3a: // :
        members++
        since = index
        if (depth === 1) {
          const name = nameLikeModel(text, lastString[0], lastString[1])
          if (name === 'model') valueStart = index + 1
          else if (typeof name === 'string' && name.toLowerCase() === 'model') alike++
        }
        break
      case 0x45: // E
      case 0x65: // e
        large ||= isLongExponent(text, index + 1)
        break
      case 0x2c: // ,
        large ||= index - since > mostDigits
        since = index
        if (++values > valueLimit) throw fail('invalid_request', `the body holds more than ${valueLimit} values`)
        if (depth === 1) endValue(index)
        break
      case 0x7b: // {
      case 0x5b: // [
        since = index
        if (++depth > depthLimit) throw fail('invalid_request', `the body nests deeper than ${depthLimit} levels`)
        break
      case 0x7d: // }
      case 0x5d: // ]
        large ||= index - since > mostDigits
        since = index
        if (depth-- === 1) endValue(index)
        break
      default:
    }
  }
  return { members, models, alike, large }
}

const mayHoldLoneSurrogate = /\\u[dD][89a-fA-F]/

/** Throws `invalid_request` for a text that would be altered by sending it on: half a surrogate pair. */
function requireWellFormed(text: string, value: JsonValue): void {
  if (!mayHoldLoneSurrogate.test(text)) return
  const visit = (node: JsonValue): void => {
    if (typeof node === 'string') {
      if (!node.isWellFormed())
        throw fail('invalid_request', 'the body holds half a surrogate pair, which is not valid Unicode')
    } else if (Array.isArray(node)) node.forEach(visit)
    else if (node !== null && typeof node === 'object') {
      for (const [key, member] of Object.entries(node)) {
        visit(key)
        visit(member)
      }
    }
  }
  visit(value)
}

/** Throws `invalid_request`, naming the field, for a number that JavaScript cannot hold: read and written again it would be another. */
function requireNumbers(node: JsonValue, path: readonly (string | number)[] = []): void {
  if (typeof node === 'number' && !Number.isFinite(node)) {
    const param = dottedPath(path)
    const message = 'is out of the range of numbers'
    const issues = [{ path, message, type: 'too_big' }]
    throw fail('invalid_request', `${param === '' ? 'the body' : param}: ${message}`, { param, issues })
  }
  if (Array.isArray(node)) node.forEach((item, at) => requireNumbers(item, [...path, at]))
  else if (node !== null && typeof node === 'object')
    for (const [name, member] of Object.entries(node)) requireNumbers(member, [...path, name])
}

function countMembers(node: JsonValue): number {
  if (node === null || typeof node !== 'object') return 0
  if (Array.isArray(node)) return node.reduce<number>((sum, item) => sum + countMembers(item), 0)
  let count = 0
  for (const [key, value] of Object.entries(node)) {
    if (key === '__proto__') throw fail('invalid_request', 'the name "__proto__" is not allowed in a body')
    count += 1 + countMembers(value)
  }
  return count
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    throw fail('invalid_request', 'the body is not valid JSON')
  }
}

/** Parses JSON that must mean one thing only: no deep nesting, no name twice, no `__proto__`, no number out of range. Throws `invalid_request`. */
export function parseStrictJson(text: string): JsonValue {
  const { members, large } = scan(text)
  const value = parse(text)
  requireWellFormed(text, value)
  if (large) requireNumbers(value)
  if (countMembers(value) !== members) throw fail('invalid_request', 'an object of the body has the same name twice')
  return value
}

/**
 * Reads the body of a request: a JSON object. A dialect that sends the text on verbatim (`passThrough`) may leave names given
 * twice to the upstream, all but `model`, by which the call is admitted. Throws `invalid_request`.
 */
export function parseBody(text: string, passThrough: boolean): JsonBody {
  if (!passThrough) return { text, value: requireObject(parseStrictJson(text)) }
  const { models, alike, large } = scan(text)
  const value = requireObject(parse(text))
  requireWellFormed(text, value)
  if (large) requireNumbers(value)
  if (models.length + alike > 1) throw fail('invalid_request', 'the body names "model" twice', { param: 'model' })
  return { text, value }
}

function requireObject(value: JsonValue): JsonObject {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw fail('invalid_request', 'the body must be a JSON object')
  }
  return value
}

/** Most clients write the model first; a name without escapes ends at the next quote. */
const modelInFront = /^(\s*\{\s*"model"\s*:\s*)"[^"\\]*"/

/**
 * The text with its top-level `model` replaced and every other byte as it was; a text without one gets it in front.
 * The text must have been read by {@link parseBody}.
 */
export function replaceModel(text: string, model: string): string {
  const front = modelInFront.exec(text)
  if (front !== null) return front[1] + JSON.stringify(model) + text.slice(front[0].length)
  const { models } = scan(text)
  const [span] = models
  if (span === undefined) {
    const open = text.indexOf('{') + 1
    const comma = isClosed(text, open) ? '' : ','
    return `${text.slice(0, open)}"model":${JSON.stringify(model)}${comma}${text.slice(open)}`
  }
  return text.slice(0, span.start) + JSON.stringify(model) + text.slice(span.end)
}

/** True when nothing but space is left of an object that is open at `start`. */
function isClosed(text: string, start: number): boolean {
  const end = /\s*\}/y
  end.lastIndex = start
  return end.test(text)
}
