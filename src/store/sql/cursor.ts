import { z } from 'zod'
import { fail } from '../../error/index.ts'
import type { Page, PageRequest } from '../contract.ts'

/** Where a page ended: the time and id that its listing is ordered by. */
export interface Place {
  readonly time: bigint
  readonly id: string
}

const form = z.tuple([
  z.string().regex(/^-?\d{1,18}$/),
  z
    .string()
    .max(600)
    .regex(/^[^\0]*$/),
])

/** The place as clients hand it back. It holds nothing that they did not see in the row. */
function encodeCursor({ time, id }: Place): string {
  return Buffer.from(JSON.stringify([String(time), id])).toString('base64url')
}

/** The place that a cursor names, or undefined without one. Rejects anything else as `invalid_request`. */
export function decodeCursor(cursor: string | undefined): Place | undefined {
  if (cursor === undefined || cursor === '') return undefined
  try {
    const [time, id] = form.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
    return { time: BigInt(time), id }
  } catch (error) {
    throw fail('invalid_request', 'the cursor is not one that a listing gave', { param: 'cursor', cause: error })
  }
}

/**
 * The page out of the rows that were found: one more than its limit is asked for, to know whether there is a next one. Rows that
 * cannot be read are left out, and the page is that much shorter.
 */
export function pageOf<Found, Row>(
  found: readonly Found[],
  { limit }: PageRequest,
  place: (row: Found) => Place,
  read: (row: Found) => Row | undefined,
): Page<Row> {
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  return {
    rows: shown.map(read).filter((row) => row !== undefined),
    nextCursor: found.length > limit && last !== undefined ? encodeCursor(place(last)) : undefined,
  }
}
