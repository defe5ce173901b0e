import { randomUUIDv7 } from 'node:crypto'
import type { RequestIds } from '../core/contract.ts'

const acceptable = /^[A-Za-z0-9._-]{1,128}$/

/**
 * The ids of a request: our own is a new UUIDv7, which sorts by time. The caller's `x-request-id` is taken if it is 1-128 of
 * `[A-Za-z0-9._-]`, and then marks the answer; else our own does.
 */
export function requestIdsOf(headerValue: string | undefined): RequestIds {
  const id = randomUUIDv7()
  if (headerValue === undefined || !acceptable.test(headerValue)) return { id, clientRequestId: '', requestId: id }
  return { id, clientRequestId: headerValue, requestId: headerValue }
}
