import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Span, split } from './usage-range.ts'

const hour = 3_600_000
const day = 24 * hour

const holds = (spans: readonly Span[], time: number): number =>
  spans.filter(({ from, to }) => from <= time && time < to).length

const time = fc.integer({ min: 0, max: 5 * day })

test('every moment of the span is counted once, and every other one never, or taken off again', () => {
  fc.assert(
    fc.property(time, time, time, fc.boolean(), (from, to, moment, byHour) => {
      const { days, hours, rows, rowsLess } = split({ from, to }, 0, byHour)
      const inside = from <= moment && moment < to ? 1 : 0
      const counted = holds(days, moment) + holds(hours, moment) + holds(rows, moment)
      expect(counted - holds(rowsLess, moment)).toBe(inside)
      expect(counted).toBeLessThanOrEqual(1)
    }),
  )
})

test('days and hours are whole, and rows are no more than an hour', () => {
  fc.assert(
    fc.property(time, time, fc.boolean(), (from, to, byHour) => {
      const { days, hours, rows, rowsLess } = split({ from, to }, 0, byHour)
      expect(days.flatMap(({ from: first, to: last }) => [first % day, last % day]).every((rest) => rest === 0)).toBe(
        true,
      )
      expect(
        hours.flatMap(({ from: first, to: last }) => [first % hour, last % hour]).every((rest) => rest === 0),
      ).toBe(true)
      expect(
        [...rows, ...rowsLess].reduce((sum, { from: first, to: last }) => sum + last - first, 0),
      ).toBeLessThanOrEqual(hour)
      expect(hours.reduce((sum, { from: first, to: last }) => sum + last - first, 0)).toBeLessThan(
        byHour ? 6 * day : 2 * day,
      )
    }),
  )
})

test('without bounds, everything is read from days', () => {
  const all = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }
  expect(split(all, 0, false)).toEqual({ days: [all], hours: [], rows: [], rowsLess: [] })
  expect(split(all, 0, true)).toEqual({ days: [], hours: [all], rows: [], rowsLess: [] })
})

test('where rows were dropped, hours that begin within the span count whole', () => {
  const kept = 10 * hour
  expect(split({ from: 2.5 * hour, to: 4.5 * hour }, kept, true)).toEqual({
    days: [],
    hours: [{ from: 3 * hour, to: 5 * hour }],
    rows: [],
    rowsLess: [],
  })
  expect(split({ from: 2.2 * hour, to: 2.5 * hour }, kept, true)).toEqual({
    days: [],
    hours: [],
    rows: [],
    rowsLess: [],
  })
  expect(split({ from: 9.5 * hour, to: 11.2 * hour }, kept, true)).toEqual({
    days: [],
    hours: [{ from: 10 * hour, to: 11 * hour }],
    rows: [{ from: 11 * hour, to: 11.2 * hour }],
    rowsLess: [],
  })
  expect(split({ from: 9.5 * hour, to: 11.75 * hour }, kept, true)).toEqual({
    days: [],
    hours: [{ from: 10 * hour, to: 12 * hour }],
    rows: [],
    rowsLess: [{ from: 11.75 * hour, to: 12 * hour }],
  })
})
