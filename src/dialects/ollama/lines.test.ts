import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lineReader } from './lines.ts'

function read(bytes: Buffer, sizes: readonly number[]): string[] {
  const reader = lineReader()
  const found: string[] = []
  for (let start = 0, turn = 0; start < bytes.length; turn++) {
    const end = start + (sizes[turn % sizes.length] ?? bytes.length)
    found.push(...reader.read(bytes.subarray(start, end)).map(({ data }) => data))
    start = end
  }
  return [...found, ...reader.end().map(({ data }) => data)]
}

test('lines are read the same wherever they are cut, characters included', () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => `x${text.replaceAll('\n', ' ')}`)
  fc.assert(
    fc.property(fc.array(line), fc.boolean(), fc.array(fc.integer({ min: 1, max: 7 })), (lines, ended, sizes) => {
      const bytes = Buffer.from(lines.join('\n') + (ended ? '\n\n' : ''))
      expect(read(bytes, sizes)).toEqual(lines)
    }),
  )
})

test('a line without end is refused', () => {
  const reader = lineReader()
  const piece = Buffer.alloc(1024 * 1024, 'x')
  expect(() => {
    for (let count = 0; count < 64; count++) reader.read(piece)
  }).toThrow(expect.objectContaining({ reason: 'provider_error' }))
})
