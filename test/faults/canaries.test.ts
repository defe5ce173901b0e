import { expect, test } from 'vitest'
import { startPostgres } from '../services/postgres.ts'
import { runCanaries } from './canaries/run.ts'

/*
 * The short form of `npm run faults -- canaries`. That what is searched for would be found is proved by canaries/search.test.ts.
 */
test('no secret and no prompt leaves a gateway by any way, whatever goes wrong', { timeout: 300_000 }, async () => {
  const postgres = await startPostgres()
  try {
    const { leaks, searched, seen, calls } = await runCanaries({ postgres, thorough: false })
    expect(leaks).toEqual([])
    // Nothing would be found where nothing was done.
    expect(calls).toBeGreaterThan(1000)
    const kinds = ['stdout', 'stderr', 'spans', 'messages', 'errors', 'files', 'rows']
    const statuses = [200, 400, 401, 404, 409, 413, 415, 422, 429, 502, 503, 504].map((status) => `answers ${status}`)
    for (const kind of [...kinds, ...statuses]) expect([kind, searched[kind] ?? 0]).not.toEqual([kind, 0])
    for (const name of shown) expect([name, seen.get(name)]).not.toEqual([name, 0])
  } finally {
    await postgres.end()
  }
})

/** What had to be seen by providers, by callers, or in the store. */
const shown = [
  'prompt',
  'answer',
  'kept prompt',
  'file name',
  'filed',
  'filed answer',
  'idempotency key',
  'provider key of a variable',
  'provider key of a file',
  'provider key that is stored',
  'key of a remote provider',
  'key of a bridged provider',
  'token of the collector',
]
