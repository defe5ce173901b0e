import { expect, test } from 'vitest'
import { conditionOf, priceOf } from './price.ts'

const at = (time: string): number => Date.parse(`2026-05-05T${time}`)
const origin = { version: 'test', vendor: 'acme', model: 'one' }

test('a time of day is from its start to before its end, also over midnight', () => {
  const day = conditionOf({ start_time: '08:00:00Z', end_time: '16:00:00Z' })
  expect([at('07:59:59.999Z'), at('08:00:00Z'), at('15:59:59.999Z'), at('16:00:00Z')].map(day)).toEqual([
    false,
    true,
    true,
    false,
  ])
  const night = conditionOf({ start_time: '16:00:00Z', end_time: '08:00:00Z' })
  expect([at('07:59:59Z'), at('08:00:00Z'), at('15:59:59Z'), at('16:00:00Z')].map(night)).toEqual([
    true,
    false,
    false,
    true,
  ])
  expect(night(-1)).toBe(true)
})

test('a time of day may be that of another place', () => {
  const there = conditionOf({ start_time: '00:00:00+08:00', end_time: '08:00:00+08:00' })
  expect([at('15:59:59Z'), at('16:00:00Z'), at('23:59:59Z'), at('00:00:00Z')].map(there)).toEqual([
    false,
    true,
    true,
    false,
  ])
})

test.each([-1, Number.NaN, Infinity, 1e-30])('%d dollars are refused', (dollars) => {
  expect(() => priceOf(origin, { input_mtok: dollars }, undefined)).toThrow(/catalog's input_mtok/)
})

test.each([{ start_date: 'soon' }, { start_time: 'noon', end_time: '13:00:00Z' }])('%o is refused', (constraint) => {
  expect(() => conditionOf(constraint)).toThrow(/the catalog has no such/)
})
