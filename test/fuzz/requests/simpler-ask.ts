import { shorterList, simplerJson } from '../simpler.ts'
import type { Ask } from './ask.ts'

/** Simpler requests than a failing one: a plainer head, a shorter body. */
export function* simplerAsks(ask: Ask): Generator<Ask, void, void> {
  if (ask.query !== '') yield { ...ask, query: '' }
  if (Object.keys(ask.headers).length > 0) yield { ...ask, headers: {} }
  for (const text of simplerJson(ask.body.toString())) yield { ...ask, body: Buffer.from(text) }
  if (ask.body.length < 2000) for (const bytes of shorterList([...ask.body])) yield { ...ask, body: Buffer.from(bytes) }
}
