import { describe, expect, test } from 'vitest'
import { MediaLinks } from './links.ts'

const key = Buffer.alloc(32, 1)
const other = Buffer.alloc(32, 2)
const now = 1_700_000_000_500
const id = `file-${'ab'.repeat(16)}`
const file = { id, expires: undefined }

function linksOf(change: Partial<ConstructorParameters<typeof MediaLinks>[0]> = {}): MediaLinks {
  return new MediaLinks({ keys: [key], seconds: 60, now: () => now, ...change })
}

function queryOf(url: string): URLSearchParams {
  return new URL(url, 'http://gateway').searchParams
}

describe('a link', () => {
  test.each([
    ['https://gateway.example.com/base', 'http://10.0.0.1:3000', 'https://gateway.example.com/base/media/'],
    [undefined, 'http://10.0.0.1:3000', 'http://10.0.0.1:3000/media/'],
    [undefined, undefined, '/media/'],
  ])('with the public URL %s and the origin %s begins with %s%s', (publicUrl, origin, beginning) => {
    const url = linksOf({ publicUrl }).urlOf(file, origin)
    expect(url.startsWith(`${beginning}${id}?expires=`)).toBe(true)
    expect(linksOf().isGood(id, queryOf(url))).toBe(true)
  })

  test('is over after its time, and when the file is', () => {
    const isGoodAt = (url: string, at: number): boolean => linksOf({ now: () => at }).isGood(id, queryOf(url))
    const url = linksOf().urlOf(file)
    expect(queryOf(url).get('expires')).toBe('1700000060')
    expect([isGoodAt(url, 1_700_000_059_999), isGoodAt(url, 1_700_000_060_000)]).toEqual([true, false])
    const ending = linksOf().urlOf({ id, expires: now + 10_000 })
    expect([isGoodAt(ending, 1_700_000_009_999), isGoodAt(ending, 1_700_000_010_000)]).toEqual([true, false])
  })

  test('of an older key is good as long as the key is there', () => {
    const url = linksOf({ keys: [other] }).urlOf(file)
    expect(linksOf({ keys: [key, other] }).isGood(id, queryOf(url))).toBe(true)
    expect(linksOf({ keys: [key] }).isGood(id, queryOf(url))).toBe(false)
  })

  test('that was changed in any way is none', () => {
    const genuine = Object.fromEntries(queryOf(linksOf().urlOf(file)))
    const { signature = '', expires = '' } = genuine
    expect(linksOf().isGood(id, new URLSearchParams(genuine))).toBe(true)
    const forged: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
      [id.replace('a', 'b'), genuine],
      [id, { signature, expires: '9999999999' }],
      [id, { signature, expires: `${expires}0` }],
      [id, { signature, expires: 'Infinity' }],
      [id, { signature: signature.slice(0, -2), expires }],
      [id, { signature: `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`, expires }],
      [id, { signature: '', expires }],
      [id, { expires }],
      [id, { signature }],
      [id, {}],
      [`${id}\n${expires}`, { signature, expires: '' }],
    ]
    for (const [asked, query] of forged) expect(linksOf().isGood(asked, new URLSearchParams(query))).toBe(false)
  })
})
