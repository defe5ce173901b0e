import { afterAll, beforeAll, expect, type TestContext, test, vi } from 'vitest'
import { asGatewayError } from '../../src/error/index.ts'
import type { Store } from '../../src/store/contract.ts'
import { openStore } from '../../src/store/open.ts'
import { Gate } from '../services/gate.ts'
import { type Postgres, startPostgres } from '../services/postgres.ts'
import { providerRow, requestRow } from '../suites/store/rows.ts'

let postgres: Postgres

beforeAll(async () => {
  postgres = await startPostgres()
})
afterAll(() => postgres.end())

/* All but the first wait for what takes its time, beside each other. */

/** A store that reaches its database through a gate. */
async function openBehindGate({
  onTestFinished,
}: TestContext): Promise<{ store: Store; gate: Gate; location: string }> {
  const location = await postgres.database()
  const { hostname, port, href } = new URL(location)
  const gate = await Gate.open(hostname, Number(port))
  onTestFinished(() => gate.close())
  const store = await openStore(href.replace(`${hostname}:${port}`, `127.0.0.1:${gate.port}`))
  onTestFinished(() => store.close())
  return { store, gate, location }
}

/** What came of a call: the reason it failed with, or its result. */
async function outcome<Result>(promise: Promise<Result>): Promise<Result | string> {
  return await promise.catch((error: unknown) => asGatewayError(error).reason)
}

test('a database that was stopped is unavailable, and is there again after its start', async (context) => {
  const { store, gate } = await openBehindGate(context)
  // A server that is not ours to stop is cut off instead.
  const { halt = async () => gate.cut(), resume = async () => gate.admit() } = postgres
  const row = requestRow()
  const failed = vi.fn<(error: unknown) => void>()
  const changed = vi.fn<() => void>()
  store.watch(changed, failed)
  await store.ledger.append([row], [])
  await halt()
  const calls: Promise<unknown>[] = [
    store.ledger.append([requestRow()], []),
    store.ledger.request(row.id, 'all'),
    store.registry.createProvider(providerRow()),
    store.ledger.usage({}, [], 'all'),
    store.revision(),
    store.ledger.retain(0, 0),
  ]
  expect(await Promise.all(calls.map(outcome))).toEqual(calls.map(() => 'store_unavailable'))
  await expect.poll(() => failed).toHaveBeenCalled()
  expect(asGatewayError(failed.mock.calls[0]?.[0]).reason).toBe('store_unavailable')
  await resume()
  expect(await store.ledger.request(row.id, 'all')).toEqual(row)
  await store.registry.createProvider(providerRow())
  await expect.poll(() => changed).toHaveBeenCalled()
})

test.concurrent('a frozen database is given up on, also in the middle of a transaction, and used again when it is back', async (context) => {
  const { store, gate } = await openBehindGate(context)
  const rows = Array.from({ length: 40 }, () => requestRow())
  // Some of these are in the middle of something when all stands still.
  const before = rows.map((row) => outcome(store.ledger.append([row], [])))
  await before[0]
  gate.freeze()
  const during = [outcome(store.revision()), outcome(store.accounts.allAccounts())]
  expect(await Promise.all(during)).toEqual(['store_unavailable', 'store_unavailable'])
  const outcomes = await Promise.all(before)
  expect(outcomes).toContain('store_unavailable')
  gate.admit()
  // Whoever is not sure says it again.
  await vi.waitFor(() => store.ledger.append(rows, []), { timeout: 40_000, interval: 100 })
  const { total } = await store.ledger.usage({}, [], 'all')
  expect(total.requests).toBe(40n)
  expect((await store.ledger.requests({}, 'all', { limit: 100 })).rows).toHaveLength(40)
})

test.concurrent('a change while notifications are cut off is noticed afterwards', async (context) => {
  const { store, gate, location } = await openBehindGate(context)
  const other = await openStore(location)
  context.onTestFinished(() => other.close())
  const changed = vi.fn<() => void>()
  const failed = vi.fn<() => void>()
  store.watch(changed, failed)
  gate.cut()
  await expect.poll(() => failed).toHaveBeenCalled()
  await other.registry.createProvider(providerRow())
  expect(changed).not.toHaveBeenCalled()
  gate.admit()
  await expect.poll(() => changed).toHaveBeenCalled()
  expect(await store.registry.providers()).toHaveLength(1)
})

test.concurrent('a database that is frozen at the start is told within seconds', async ({ onTestFinished }) => {
  const location = await postgres.database()
  const { hostname, port, href } = new URL(location)
  const gate = await Gate.open(hostname, Number(port))
  onTestFinished(() => gate.close())
  gate.freeze()
  expect(await outcome(openStore(href.replace(`${hostname}:${port}`, `127.0.0.1:${gate.port}`)))).toBe(
    'store_unavailable',
  )
})

test.concurrent('a replica that stands still in the middle of a transaction does not hold up the others for long', async (context) => {
  const { store, gate, location } = await openBehindGate(context)
  const other = await openStore(location)
  context.onTestFinished(() => other.close())
  const before = Array.from({ length: 30 }, () => outcome(store.ledger.append([requestRow()], [])))
  await before[3]
  gate.freeze()
  const row = requestRow()
  await vi.waitFor(() => other.ledger.append([row], []), { timeout: 40_000, interval: 10 })
  expect(await other.ledger.request(row.id, 'all')).toEqual(row)
  await Promise.all(before)
})
