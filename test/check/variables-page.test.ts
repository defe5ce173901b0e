import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test('docs/configuration.md names every variable that the gateway reads', () => {
  const page = readFileSync('docs/configuration.md', 'utf8')
  const sources = globSync('src/**/*.ts').filter((path) => !path.endsWith('.test.ts'))
  const named = sources.flatMap((path) => readFileSync(path, 'utf8').match(/\b(?:SWITCHYARD|OTEL)_[A-Z_]+\b/g) ?? [])
  const variables = [...new Set(named)]
  expect(variables.length).toBeGreaterThan(10)
  for (const name of variables) expect(page).toContain(name)
})
