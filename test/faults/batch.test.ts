import { afterAll, expect, test } from 'vitest'
import { type Postgres, startPostgres } from '../services/postgres.ts'
import { type BatchFaultsResult, runBatchFaults } from './batch/run.ts'

let postgres: Postgres | undefined
afterAll(() => postgres?.end())

function expectAgreement({ wrong, rows, lost }: BatchFaultsResult): void {
  expect(wrong).toEqual([])
  expect(rows).toBeGreaterThan(300)
  expect(lost).toBeGreaterThan(0)
}

test('a batch on SQLite survives the kills of its only worker, each line once', { timeout: 120_000 }, async () => {
  expectAgreement(await runBatchFaults({ lines: 300, kills: 3 }))
})

test(
  'one on PostgreSQL survives those of its three workers, and one that comes back late',
  { timeout: 120_000 },
  async () => {
    postgres = await startPostgres()
    const result = await runBatchFaults({ lines: 300, kills: 1, databaseUrl: await postgres.database() })
    expectAgreement(result)
    expect(result.late).toBeGreaterThan(0)
  },
)
