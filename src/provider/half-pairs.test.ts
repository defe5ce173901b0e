import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ChatEvent } from '#gen/switchyard/v1/chat_pb.ts'
import { annotation, reasoningDelta, started, textDelta, toolCallDelta } from '../model/events.ts'
import { HalfPairs } from './half-pairs.ts'

/** The events after mending, each of them from a JSON text of its own. */
function mended(...events: ChatEvent[]): unknown[] {
  const pairs = new HalfPairs()
  return events.flatMap((event) =>
    pairs.mend([event], JSON.stringify(event.event.value, bare)).map(({ event: { value } }) => value),
  )
}

const bare = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value)

test('a character that was cut in two between pieces is whole again', () => {
  const [one, two, three] = mended(textDelta('a\ud83d'), textDelta('\ude00b'), textDelta('c'))
  expect([one, two, three]).toMatchObject([{ text: 'a' }, { text: '😀b' }, { text: 'c' }])
})

test('halves wait for their own text', () => {
  const call = (index: number, argumentsJson: string): ChatEvent => toolCallDelta({ index, argumentsJson })
  const found = mended(
    textDelta('\ud83d'),
    reasoningDelta({ text: '\ud83d' }),
    call(0, '"\ud83d'),
    call(1, '"\ud83d'),
    textDelta('\ude00', 1),
    call(1, '\ude01"'),
    call(0, '\ude00"'),
    reasoningDelta({ text: '\ude02' }),
    textDelta('\ude03'),
  )
  expect(found).toMatchObject([
    { text: '' },
    { text: '' },
    { argumentsJson: '"' },
    { argumentsJson: '"' },
    { text: '\ufffd' },
    { argumentsJson: '😁"' },
    { argumentsJson: '😀"' },
    { text: '😂' },
    { text: '😃' },
  ])
})

test('a half that stays alone is replaced, wherever it stands', () => {
  const note = annotation({
    $typeName: 'switchyard.v1.Annotation',
    type: 'citation',
    url: '\ud83d',
    title: 't',
    startIndex: 0,
    endIndex: 0,
    raw: { 'a\ude00': ['\ud800', { b: '\udfff' }], c: null },
  })
  expect(mended(textDelta('\ude00a\ud83db'), started({ id: '\ud83d' }), note)).toMatchObject([
    { text: '\ufffda\ufffdb' },
    { id: '\ufffd' },
    { url: '\ufffd', title: 't', raw: { 'a\ufffd': ['\ufffd', { b: '\ufffd' }], c: null } },
  ])
})

test('however a text is cut, its pieces are the same text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.array(fc.nat({ max: 4 })), (text, sizes) => {
      const pieces: string[] = []
      for (let start = 0, turn = 0; start < text.length; turn++) {
        const end = start + 1 + (sizes[turn] ?? 0)
        pieces.push(text.slice(start, end))
        start = end
      }
      const found = mended(...pieces.map((piece) => textDelta(piece))) as { text: string }[]
      expect(found.map((value) => value.text).join('')).toBe(text)
    }),
  )
})
