import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readLines, type TextLine } from './read-lines.ts'

async function linesOf(pieces: readonly Uint8Array[], mostBytes = 1000): Promise<TextLine[]> {
  return await Array.fromAsync(readLines(fed(pieces), mostBytes))
}

async function* fed(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  for (const piece of pieces) {
    const shared = Uint8Array.from(piece)
    yield shared
    // Whoever sends may use its memory again.
    shared.fill(0)
  }
}

test('lines are numbered as an editor does, and those of nothing but space are left out', async () => {
  expect(await linesOf([Buffer.from('\uFEFF\n {"a":1}\r\n\n \t\n{"b":"ü"}')])).toEqual([
    { line: 2, text: ' {"a":1}\r' },
    { line: 5, text: '{"b":"ü"}' },
  ])
  expect(await linesOf([])).toEqual([])
})

test('a line is the same wherever its bytes are cut', async () => {
  const line = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', ' ', 'ü', '😀', '\r', '\0'), maxLength: 20 }),
    fc.constant(''),
    fc.constant('{"größe":"😀"}'),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 8 }),
      fc.array(fc.nat(200), { maxLength: 12 }),
      async (lines, cuts) => {
        const bytes = Buffer.from(lines.join('\n'))
        const places = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
        const pieces = places.map((end, index) => bytes.subarray(places[index - 1] ?? 0, end))
        const due = lines.flatMap((said, index) => (said.trim() === '' ? [] : [{ line: index + 1, text: said }]))
        expect(await linesOf(pieces)).toEqual(due)
      },
    ),
  )
})

test('what is too long or no UTF-8 harms only its own line', async () => {
  const bytes = Buffer.concat([
    Buffer.from('12345\n123456\n'),
    Buffer.from([0x22, 0xff, 0x22, 0x0a]),
    Buffer.from('x'.repeat(5_000_000)),
    Buffer.from('\nend'),
  ])
  expect(await linesOf([bytes.subarray(0, 9), bytes.subarray(9)], 5)).toEqual([
    { line: 1, text: '12345' },
    { line: 2, problem: 'too_long' },
    { line: 3, problem: 'not_utf8' },
    { line: 4, problem: 'too_long' },
    { line: 5, text: 'end' },
  ])
})
