import { z } from 'zod'
import { fail } from '../../error/index.ts'

/** The `order` of a listing: by when what is listed was made. */
export const listOrder = z.enum(['asc', 'desc']).default('desc')

/** Reads the `order` of a listing; newest first where it is not said. Throws `invalid_request` for another word. */
export function isOldestFirst(query: URLSearchParams): boolean {
  const order = query.get('order') || 'desc'
  if (order === 'asc' || order === 'desc') return order === 'asc'
  throw fail('invalid_request', 'order: must be asc or desc', { param: 'order' })
}
