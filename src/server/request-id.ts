import { randomUUIDv7 } from 'node:crypto'

const acceptable = /^[A-Za-z0-9._-]{1,128}$/

/** The id of a request: the caller's own `x-request-id` if it is 1-128 of `[A-Za-z0-9._-]`, else a new UUIDv7, which sorts by time. */
export function requestIdOf(headerValue: string | undefined): string {
  return headerValue !== undefined && acceptable.test(headerValue) ? headerValue : randomUUIDv7()
}
