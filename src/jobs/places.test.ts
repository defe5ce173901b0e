import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { reasonOf } from '../../test/suites/store/bed.ts'
import type { UpstreamRequest, UpstreamResponse } from '../provider/egress.ts'
import { places } from './places.ts'

/* By URL, with another way out; buckets are asked for in test/e2e/batches.test.ts, and the guard is examined in test/guard. */

const never = new AbortController().signal

function answering(status: number, body: () => AsyncIterable<Buffer>) {
  const asked: UpstreamRequest[] = []
  const sendGuarded = async (request: UpstreamRequest): Promise<UpstreamResponse> => {
    asked.push(request)
    return { status, header: () => undefined, body: body(), text: () => Promise.resolve('') }
  }
  return { asked, places: places({ egress: { sendGuarded }, silentMs: 50 }) }
}

async function* said(...pieces: readonly string[]): AsyncGenerator<Buffer, void, void> {
  for (const piece of pieces) yield Buffer.from(piece)
}

test('reads what a URL has, as it comes, and shows no key of ours', async () => {
  const { asked, places: from } = answering(200, () => said('one', 'two'))
  expect(await text(from.read('https://example.com/in?signature=1', never))).toBe('onetwo')
  expect(asked).toMatchObject([{ method: 'GET', url: 'https://example.com/in?signature=1' }])
  expect(Object.keys(asked[0]?.headers ?? {})).toEqual(['accept', 'accept-encoding'])
})

test.each([
  [404, 'invalid_request'],
  [403, 'invalid_request'],
  [302, 'invalid_request'],
  [204, 'invalid_request'],
  [429, 'provider_unavailable'],
  [503, 'provider_unavailable'],
])('a server that answers %i: %s, and the rest of its answer is let go of', async (status, reason) => {
  const { asked, places: from } = answering(status, () => said('no'))
  expect(await reasonOf(text(from.read('https://example.com/in', never)))).toBe(reason)
  expect(asked.map(({ signal }) => signal.aborted)).toEqual([true])
})

test('a server that falls silent is left', async () => {
  const { asked, places: from } = answering(200, async function* silent() {
    yield Buffer.from('one')
    const { signal } = asked[0] ?? { signal: never }
    await new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  })
  expect(await reasonOf(text(from.read('https://example.com/in', never)))).toBe('provider_unreachable')
})

test.each([
  'ftp://example.com/in',
  'http://example.com/in',
  'file:///etc/passwd',
  'https://10.0.0.1/in',
  'https://user@example.com/in',
  's3://bucket/in',
  's3://',
  '://',
])('%s is refused by what it says', async (url) => {
  const { asked, places: from } = answering(200, () => said('secret'))
  expect(await reasonOf((async () => from.checkInput(url))())).toBe('invalid_request')
  expect(await reasonOf(text(from.read(url, never)))).toBe('invalid_request')
  expect(await reasonOf((async () => from.checkOutput(url))())).toBe('invalid_request')
  expect(asked).toEqual([])
})
