import { z } from 'zod'
import { fail } from '../error/index.ts'

/** How many entries a page has where nothing is said, and at most. */
interface PageSizes {
  readonly usual: number
  readonly most: number
}

/** Schema of `?limit=`, for documentation. */
export function limitType({ usual, most }: PageSizes) {
  return z.int().min(1).max(most).default(usual)
}

/** How many entries of a list are asked for, by `?limit=`; `usual` where nothing is said. Throws `invalid_request` unless it is from 1 to `most`. */
export function pageLimit(query: URLSearchParams, { usual, most }: PageSizes): number {
  const text = query.get('limit') || String(usual)
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= most) return limit
  throw fail('invalid_request', `limit: must be a whole number from 1 to ${most}`, { param: 'limit' })
}
