import { expect, test } from 'vitest'
import { fail } from '../error/index.ts'
import type { FileRow } from '../store/contract.ts'
import { MediaLinks } from './links.ts'
import { mediaPublishers } from './publisher.ts'

type Facts = Parameters<Parameters<typeof mediaPublishers>[0]['vault']['keep']>[1]

let now = 1_700_000_000_000
const links = new MediaLinks({
  keys: [Buffer.alloc(32, 1)],
  publicUrl: 'https://gateway.example',
  seconds: 60,
  now: () => now,
})

/** Publishers on a vault that writes down what it is to keep, and fails as long as it is told to. */
function publishing() {
  const kept: { readonly account: string; readonly facts: Facts; readonly bytes: Buffer }[] = []
  let isDown = false
  const vault = {
    async keep(account: string, facts: Facts, content: AsyncIterable<Uint8Array>): Promise<FileRow> {
      const bytes = Buffer.concat(await Array.fromAsync(content))
      if (isDown) throw fail('store_unavailable', 'no')
      kept.push({ account, facts, bytes })
      const id = `file-${kept.length}`
      const row = { id, accountId: account, name: facts.name, purpose: facts.purpose, mediaType: facts.mediaType }
      return { ...row, bytes: bytes.length, created: now, expires: facts.expires, blob: 'b', sha256: '' }
    },
  }
  const options = { vault, links, publicUrl: 'https://gateway.example', above: 10, linkSeconds: 60, now: () => now }
  return { kept, publisherOf: mediaPublishers(options), fails: (is: boolean) => void (isDown = is) }
}

const picture = { data: Uint8Array.of(1, 2, 3), mediaType: 'image/png' }
const idOf = (url: string): string => /^https:\/\/gateway\.example\/media\/(file-\d+)\?/.exec(url)?.[1] ?? url

test('the same bytes are kept once for an account, also at the same time, and apart from those of another', async () => {
  const { kept, publisherOf } = publishing()
  const [one, other] = [publisherOf('a'), publisherOf('b')]
  const urls = await Promise.all([
    one.publish(picture),
    publisherOf('a').publish({ ...picture, data: Uint8Array.from(picture.data) }),
    other.publish(picture),
    one.publish({ ...picture, mediaType: 'image/gif' }),
    one.publish({ data: Uint8Array.of(4), mediaType: 'application/pdf' }),
  ])
  expect(urls.map(idOf)).toEqual(['file-1', 'file-1', 'file-2', 'file-3', 'file-4'])
  expect(kept.map(({ account, facts, bytes }) => [account, facts.purpose, facts.mediaType, [...bytes]])).toEqual([
    ['a', 'vision', 'image/png', [1, 2, 3]],
    ['b', 'vision', 'image/png', [1, 2, 3]],
    ['a', 'vision', 'image/gif', [1, 2, 3]],
    ['a', 'user_data', 'application/pdf', [4]],
  ])
})

test('a link can be used for its whole time: bytes whose file ends before are kept again', async () => {
  const { kept, publisherOf } = publishing()
  const publisher = publisherOf('a')
  await publisher.publish(picture)
  expect(kept[0]?.facts.expires).toBe(now + 120_000)
  now += 60_000
  expect(idOf(await publisher.publish(picture))).toBe('file-1')
  now += 1
  expect(idOf(await publisher.publish(picture))).toBe('file-2')
})

test('what could not be kept is tried again', async () => {
  const { publisherOf, fails } = publishing()
  const publisher = publisherOf('a')
  fails(true)
  const failing = [publisher.publish(picture), publisher.publish(picture)]
  await Promise.all(failing.map((one) => expect(one).rejects.toThrow('no')))
  fails(false)
  expect(idOf(await publisher.publish(picture))).toBe('file-1')
})
