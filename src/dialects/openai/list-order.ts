import { fail } from '../../error/index.ts'

/** Reads the `order` of a listing; newest first where it is not said. Throws `invalid_request` for another word. */
export function isOldestFirst(query: URLSearchParams): boolean {
  const order = query.get('order') || 'desc'
  if (order === 'asc' || order === 'desc') return order === 'asc'
  throw fail('invalid_request', 'order: must be asc or desc', { param: 'order' })
}
