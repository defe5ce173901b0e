import fc from 'fast-check'
import { type ByteEdit, cutAlone, editBytes, someBytes } from '../byte-edits.ts'
import { type Dictionary, editJson, type JsonEdit, jsonEdit, position } from '../json-edits.ts'
import type { Ask } from './ask.ts'

/** Everything that is done to one body. */
interface Plan {
  readonly seed: number
  readonly route: string
  readonly query: string
  readonly header: readonly [string, string] | undefined
  readonly edits: readonly JsonEdit[]
  readonly bytes: readonly ByteEdit[]
}

const headers: readonly (readonly [string, string])[] = [
  ['anthropic-beta', 'files-api-2025-04-14,,\u00ff'],
  ['anthropic-version', '__proto__'],
  ['x-selected-account-id', 'constructor'],
  ['x-selected-account-id', ''],
  ['x-goog-api-key', 'k'],
]
const queries = ['', 'alt=sse', 'alt=json&key=k', 'alt=sse&alt=proto', '__proto__=1&%00=%ff', 'beta=true']

/** Requests made of good ones: with members of other types, missing, doubled or misplaced, cut short or garbled. */
export function asks(bodies: readonly string[], routes: readonly string[], dictionary: Dictionary): fc.Arbitrary<Ask> {
  const none = fc.constant([])
  const plan: fc.Arbitrary<Plan> = fc.record({
    seed: position,
    route: fc.constantFrom(...routes),
    query: fc.oneof({ weight: 4, arbitrary: fc.constant('') }, fc.constantFrom(...queries)),
    header: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, fc.constantFrom(...headers)),
    edits: fc.array(jsonEdit(dictionary), { maxLength: 5 }),
    bytes: fc.oneof({ weight: 12, arbitrary: none }, { weight: 1, arbitrary: cutAlone }, someBytes),
  })
  return plan.map(({ seed, route, query, header, edits, bytes }) => ({
    route,
    query,
    headers: header === undefined ? {} : Object.fromEntries([header]),
    body: bytes.reduce(editBytes, Buffer.from(editJson(bodies[seed % bodies.length] ?? '{}', edits))),
  }))
}
