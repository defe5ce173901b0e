import { expect, test } from 'vitest'
import { writtenTime } from './written-time.ts'

test.each([
  ['2026-03-01', Date.UTC(2026, 2, 1)],
  ['2028-02-29', Date.UTC(2028, 1, 29)],
  ['2026-03-01T12:00:00Z', Date.UTC(2026, 2, 1, 12)],
  ['2026-03-01T00:30:00.5+01:00', Date.UTC(2026, 1, 28, 23, 30, 0, 500)],
])('%s is a time', (text, milliseconds) => {
  expect(writtenTime(text)).toBe(milliseconds)
})

test.each(['', '2026', '2026-02-29', '2026-02-31T10:00:00Z', '2026-13-01', '2026-03-01T12:00', '2026-03-01T25:00:00Z'])(
  '"%s" is none',
  (text) => {
    expect(writtenTime(text)).toBeNaN()
  },
)
