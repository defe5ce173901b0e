import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readSubtitles, writeSrt, writeVtt } from './subtitles.ts'

const cues = [
  { start: 0, end: 8.64, text: ' A first line, ', speaker: '' },
  { start: 3599.9996, end: 360_000.5, text: 'two lines\nand a half', speaker: 'A' },
]

test('writes SubRip', () => {
  expect(writeSrt(cues)).toBe(
    '1\n00:00:00,000 --> 00:00:08,640\nA first line,\n\n2\n01:00:00,000 --> 100:00:00,500\nA: two lines\nand a half\n\n',
  )
  expect(writeSrt([])).toBe('')
})

test('writes WebVTT, as players read it', () => {
  const odd = { start: 1, end: 2, text: 'a < b && c --> d\n\n\ne', speaker: '<B>' }
  expect(writeVtt([...cues, odd])).toBe(
    'WEBVTT\n\n00:00:00.000 --> 00:00:08.640\nA first line,\n\n' +
      '01:00:00.000 --> 100:00:00.500\n<v A>two lines\nand a half\n\n' +
      '00:00:01.000 --> 00:00:02.000\n<v &lt;B>a &lt; b &amp;&amp; c -> d\ne\n\n',
  )
})

test('reads what others write', () => {
  const vtt =
    'WEBVTT - title\r\nKind: captions\r\n\r\nNOTE no times\r\n\r\none\r\n00:01.500 --> 00:02.000 align:start\r\n<v.loud Ann>Hi &amp; <i>bye</i>\r\n'
  expect(readSubtitles(vtt)).toEqual([{ start: 1.5, end: 2, text: 'Hi & bye', speaker: 'Ann' }])
  expect(readSubtitles('1\n00:00:01,000 --> 00:00:02,000\n<b>Hi\n\n\n2\n')).toEqual([
    { start: 1, end: 2, text: '<b>Hi', speaker: '' },
  ])
  expect(readSubtitles('')).toEqual([])
})

test('reads what it wrote, whatever is said', () => {
  const word = fc
    .string({ unit: 'grapheme', maxLength: 20 })
    .map((text) => text.replaceAll(/[\p{Cc}>]|-->/gu, '').trim())
  const cue = fc.record({
    start: fc.integer({ min: 0, max: 400_000_000 }).map((ms) => ms / 1000),
    end: fc.integer({ min: 0, max: 400_000_000 }).map((ms) => ms / 1000),
    text: word.filter((text) => text !== ''),
    speaker: word,
  })
  fc.assert(
    fc.property(fc.array(cue, { maxLength: 5 }), (said) => {
      expect(readSubtitles(writeVtt(said))).toEqual(said)
      const unnamed = said.map((one) => ({ ...one, speaker: '' }))
      expect(readSubtitles(writeSrt(unnamed))).toEqual(unnamed)
    }),
    { numRuns: 200 },
  )
})
