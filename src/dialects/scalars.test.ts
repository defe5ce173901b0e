import { describe, expect, test } from 'vitest'
import { countOf, listOf, numberOf, objectsOf, rawOf, secondsOf, textOf } from './scalars.ts'

/** An object of so many levels, every second one a list. */
const nested = (levels: number): object => {
  let value: object = {}
  for (let level = levels - 1; level >= 1; level--) value = level % 2 === 0 ? [value] : { value }
  return value
}

test('what is not of its type is absent', () => {
  const others = [null, undefined, true, {}, [], () => 1]
  expect([...others, 5].map(textOf)).toEqual([...others, 5].map(() => ''))
  expect([...others, '5', Number.NaN, -1].map(countOf)).toEqual([...others, 1, 1, 1].map(() => 0))
  expect([...others, '5', Infinity, Number.NaN].map(numberOf)).toEqual([...others, 1, 1, 1].map(() => 0))
  expect([...others, 'soon', 1e13, Infinity, -5].map(secondsOf)).toEqual([...others, 1, 1, 1, 1].map(() => 0n))
})

test('counts fit into 32 bits', () => {
  expect([0.9, 1.9, 0xffff_ffff, 0x1_0000_0000, 1e300, Infinity].map(countOf)).toEqual([
    0, 1, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff,
  ])
})

test('a list is a list, and what is no object is not among its objects', () => {
  expect(listOf({ length: 4_000_000_000 } as unknown as number[])).toEqual([])
  expect(objectsOf([{ a: 1 }, null, [2], 3, 'four'] as object[])).toEqual([{ a: 1 }])
})

describe('an object of the upstream beside what was read of it', () => {
  test('is carried as it is', () => {
    const usage = { tokens: 5, details: [{ cached: 0.5, name: null }], more: true }
    expect(rawOf(usage)).toBe(usage)
  })

  test('is left out when no reader of the contract could read it', () => {
    expect(rawOf(nested(30))).toBeDefined()
    expect(rawOf(nested(31))).toBeUndefined()
    expect(rawOf(nested(100_000))).toBeUndefined()
    expect(rawOf({ list: [0, { deep: Infinity }] })).toBeUndefined()
  })

  test('is an object', () => {
    expect(rawOf(5 as unknown as object)).toBeUndefined()
    expect(rawOf([])).toBeUndefined()
  })
})
