import { afterAll, expect, test } from 'vitest'
import { type Postgres, startPostgres } from '../services/postgres.ts'
import { type CyclesResult, runCycles } from './ledger/cycles.ts'
import { moments } from './ledger/points.ts'

/** Enough to come by every moment twice, and by each kind of call at most of them. */
const cycles = 20

let postgres: Postgres | undefined
afterAll(() => postgres?.end())

function expectTrueBooks({ wrong, kills, acknowledged, rows, lost }: CyclesResult): void {
  expect(wrong).toEqual([])
  expect(Object.keys(kills).toSorted()).toEqual([...moments, 'random'].toSorted())
  expect([acknowledged > 50, rows > 100, lost > 10]).toEqual([true, true, true])
}

test('a gateway on SQLite that is killed under load loses no call and invents none', { timeout: 300_000 }, async () => {
  expectTrueBooks(await runCycles({ cycles }))
})

test('nor does one on PostgreSQL, which goes away and comes back meanwhile', { timeout: 300_000 }, async () => {
  const server = await startPostgres()
  postgres = server
  const meanwhile = async (): Promise<void> => {
    await server.halt?.()
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await server.resume?.()
  }
  expectTrueBooks(await runCycles({ cycles, databaseUrl: await server.database(), meanwhile }))
})
