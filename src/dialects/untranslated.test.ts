import { expect, test } from 'vitest'
import { noteUnknown } from './untranslated.ts'

function noted(wire: object, path: string): string[] {
  const paths: string[] = []
  noteUnknown(wire, { known: true }, path, paths)
  return paths
}

test('names what the schema does not list, by its path', () => {
  expect(noted({ known: 1, other: 0, more: '' }, 'messages[0]')).toEqual(['messages[0].other', 'messages[0].more'])
})

test('names a member of the body itself without a dot', () => {
  expect(noted({ other: false }, '')).toEqual(['other'])
})

test('says nothing of a member that is null, or that objects inherit', () => {
  expect(noted({ other: null }, '')).toEqual([])
  expect(noted({ toString: 1 }, '')).toEqual(['toString'])
})
