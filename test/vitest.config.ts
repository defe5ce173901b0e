import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

/** Loads every processor for as long as it is told to, so it comes when the tests that measure or wait are done. */
const fuzzing = 'test/fuzz/fuzz.test.ts'

export default defineConfig({
  root: join(import.meta.dirname, '..'),
  test: {
    // Long enough for a machine that has other things to do: they are only waited for by what fails.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    setupFiles: ['test/same-seed.ts'],
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default', './test/check/plain-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['src/**/*.test.ts', 'plugins/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [fuzzing],
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'fuzz', include: [fuzzing], maxConcurrency: 8, sequence: { groupOrder: 1 } } },
    ],
  },
})
