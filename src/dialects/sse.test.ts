import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sseReader } from './sse.ts'

/** The data of all messages, when the bytes arrive in these pieces. */
function read(bytes: Buffer, sizes: readonly number[] = [bytes.length]): string[] {
  const reader = sseReader()
  const found: string[] = []
  let at = 0
  for (const size of [...sizes, bytes.length]) {
    found.push(...reader.read(bytes.subarray(at, at + size)).map(({ data }) => data))
    at = Math.min(at + size, bytes.length)
  }
  return [...found, ...reader.end().map(({ data }) => data)]
}

describe('a stream of events', () => {
  test.each([
    ['data: a\n\ndata: b\n\n', ['a', 'b']],
    ['data:a\r\n\r\ndata:b\r\n\r\n', ['a', 'b']],
    ['data: a\rdata: b\r\r', ['a\nb']],
    [': ping\n\ndata: a\n\n: ping\n\n', ['a']],
    ['id: 1\nevent: x\nretry: 5\ndata: a\n\n', ['a']],
    ['\ufeffdata: a\n\n', ['a']],
    ['data: a', ['a']],
    ['data: a\n', ['a']],
    ['data\n\n', ['']],
    ['event: x\n\n', []],
    ['nonsense\n\n{"a":1}\n\n', []],
    ['', []],
  ])('%j is read', (text, expected) => {
    expect(read(Buffer.from(text))).toEqual(expected)
  })

  test('is read the same wherever it is cut, characters included', () => {
    const data = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/[\r\n]/g, ' '))
    fc.assert(
      fc.property(
        fc.array(data),
        fc.constantFrom('\n', '\r\n'),
        fc.array(fc.integer({ min: 1, max: 7 })),
        (lines, end, sizes) => {
          const bytes = Buffer.from(lines.map((line) => `data: ${line}${end}${end}`).join(''))
          expect(read(bytes, sizes)).toEqual(read(bytes))
        },
      ),
    )
  })

  test('has no event without end', () => {
    const reader = sseReader()
    const piece = Buffer.alloc(1024 * 1024, 'x')
    reader.read(Buffer.from('data: '))
    expect(() => {
      for (let count = 0; count < 64; count++) reader.read(piece)
    }).toThrow(expect.objectContaining({ reason: 'provider_error' }))
  })
})
