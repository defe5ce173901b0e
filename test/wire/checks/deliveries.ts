import { isDeepStrictEqual } from 'node:util'
import type { CaseResponse } from '../case.ts'
import { inOddPieces, inOnePiece, inRecordedPieces } from '../upstream.ts'

/** One way in which the recorded bytes arrive. */
export interface Delivery {
  readonly label: string
  readonly pieces: readonly Buffer[]
}

/** Every way a recording is delivered where the bytes are what is checked: whole, in odd pieces, and as it was received. */
export function allDeliveries(response: CaseResponse, seed: number): Delivery[] {
  const received = inRecordedPieces(response)
  const deliveries = [
    { label: 'in one piece', pieces: inOnePiece(response) },
    { label: `in odd pieces (${seed})`, pieces: inOddPieces(response, seed) },
    ...(received === undefined ? [] : [{ label: 'as received', pieces: received }]),
  ]
  return deliveries.filter(
    ({ pieces }, at) => !deliveries.slice(0, at).some((other) => isDeepStrictEqual(other.pieces, pieces)),
  )
}

/** The one delivery where the meaning is checked: as received, or in odd pieces of a seed of its own. */
export function oneDelivery(response: CaseResponse, seed: number): readonly Buffer[] {
  return inRecordedPieces(response) ?? inOddPieces(response, seed)
}

/** A seed that differs between cases and not between runs. */
export function seedOf(name: string): number {
  let seed = 7
  for (const character of name) seed = (Math.imul(seed, 31) + (character.codePointAt(0) ?? 0)) >>> 0
  return seed % 100_000
}
