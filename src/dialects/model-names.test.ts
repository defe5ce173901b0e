import { describe, expect, test } from 'vitest'
import { isNamed } from './model-names.ts'

describe('a pattern of model names', () => {
  test.each([
    ['gpt-4o', 'gpt-4o', true],
    ['gpt-4o', 'gpt-4o-mini', false],
    ['gpt-4o', 'GPT-4o', false],
    ['gpt-*', 'gpt-4o', true],
    ['gpt-*', 'gpt-', true],
    ['gpt-*', 'gpt', false],
    ['*', '', true],
    ['*', 'anything/at-all', true],
    ['openai/*', 'openai/gpt-4o', true],
    ['openai/*', 'openai2/gpt-4o', false],
    ['a.c', 'abc', false],
  ])('%s and %s: %s', (pattern, name, expected) => {
    expect(isNamed(name, [pattern])).toBe(expected)
    expect(isNamed(name, ['nothing', pattern])).toBe(expected)
  })
})
