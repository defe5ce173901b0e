import { Buffer } from 'node:buffer'
import { fail } from '#provider'
import type { Egress, UpstreamRequest, UpstreamResponse } from '../../src/provider/egress.ts'

/** A way out that leads to `answer` instead of a network. */
export function egressTo(answer: (request: UpstreamRequest) => Promise<UpstreamResponse>): Egress {
  return { send: answer, sendGuarded: answer, close: async () => {} }
}

/** A way out that leads nowhere. */
export const noEgress: Egress = egressTo(async () => {
  throw fail('internal', 'there is no network here')
})

/** A log that nobody reads. */
export const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** What an upstream answers: pieces of a body, which may break off by throwing. */
export function answerOf(
  status: number,
  headers: Readonly<Record<string, string>>,
  pieces: AsyncIterable<Buffer> | Iterable<Buffer>,
): UpstreamResponse {
  const body = (async function* all() {
    yield* pieces
  })()
  return {
    status,
    header: (name) => headers[name],
    body,
    async text() {
      const chunks: Buffer[] = []
      for await (const chunk of body) chunks.push(chunk)
      return Buffer.concat(chunks).toString()
    },
  }
}

/** A whole answer of JSON. */
export function jsonAnswer(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): UpstreamResponse {
  return answerOf(status, { 'content-type': 'application/json', ...headers }, [Buffer.from(text)])
}
