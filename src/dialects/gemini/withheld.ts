import { fail, type GatewayError } from '../../error/index.ts'
import { objectsOf, textOf } from '../scalars.ts'
import { scrub } from '../scrub.ts'
import { problemOf, upstreamError } from '../upstream.ts'
import type { WireAnswer } from './types.ts'
import { blockWordOf, finishWordOf, isFiltered } from './words.ts'

/** Throws what an answer of `generateContent` without what was asked for means: the error in it, or that it was withheld. */
export function requireAnswer(wire: WireAnswer): void {
  if (wire.error != null) throw upstreamError(problemOf(wire))
  const blocked = blockWordOf(wire.promptFeedback?.blockReason)
  if (blocked !== '') throw withheld(blocked)
  const candidates = objectsOf(wire.candidates)
  const word = candidates.map(({ finishReason }) => finishWordOf(finishReason)).find(isFiltered)
  if (word !== undefined && candidates.every(({ content }) => objectsOf(content?.parts).length === 0))
    throw withheld(word)
}

/** The error of an answer that the provider keeps to itself, with its reason: asking again changes nothing. */
export function withheld(reason: string): GatewayError {
  const words = scrub(textOf(reason)).toWellFormed()
  return fail('invalid_request', `the provider withheld its answer: ${words}`, { quotes: true, retryable: false })
}
