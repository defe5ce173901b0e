import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test('docs/providers.md says what the plugins and the recordings say; npm run generate writes it', () => {
  const fresh = execFileSync('node', ['test/check/providers-page.ts'], { encoding: 'utf8' })
  expect(readFileSync('docs/providers.md', 'utf8')).toBe(fresh)
})
