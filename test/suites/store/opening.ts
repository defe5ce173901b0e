import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { Bed } from './bed.ts'
import { providerRow, requestRow } from './rows.ts'

const main = join(import.meta.dirname, '../../../src/main.ts')

/** Runs a command on a store in a process of its own, and gives what it wrote. */
async function command(location: string, ...words: readonly string[]): Promise<string> {
  const where = location.startsWith('postgres:')
    ? { flags: [], env: { SWITCHYARD_DATABASE_URL: location } }
    : { flags: ['--data-dir', dirname(location)], env: {} }
  const { PATH, HOME } = process.env
  const options = { env: { PATH, HOME, ...where.env } }
  return (await promisify(execFile)(process.execPath, [main, ...words, ...where.flags], options)).stdout
}

/** What is there after opening. */
export function openingSuite({ engine, open, newLocation }: Bed): void {
  describe('opening', () => {
    test('three openings at once find one schema, and what one writes the others read', async () => {
      const location = await newLocation()
      const [first, second, third] = await Promise.all([open(location), open(location), open(location)])
      expect(first.engine).toBe(engine)
      await first.registry.createProvider(providerRow())
      expect(await second.registry.providers()).toEqual([providerRow()])
      expect(await third.registry.providers()).toEqual([providerRow()])
      expect(await third.accounts.allAccounts()).toEqual([
        { id: 'default', name: 'default', created: 0, logContent: false },
      ])
    })

    test('three processes that migrate at once make one schema, and a command writes while a store is open', async () => {
      const location = await newLocation()
      const said = await Promise.all([1, 2, 3].map(() => command(location, 'migrate')))
      expect(said.filter((text) => text.startsWith('applied '))).toHaveLength(1)
      expect(said.filter((text) => text === 'the store is up to date\n')).toHaveLength(2)
      const store = await open(location)
      const appends = Array.from({ length: 30 }, () => store.ledger.append([requestRow()], []))
      await Promise.all([command(location, 'accounts', 'create', 'Acme'), ...appends])
      expect((await store.accounts.allAccounts()).map(({ name }) => name)).toEqual(['default', 'Acme'])
      expect((await store.ledger.requests({}, 'all', { limit: 100 })).rows).toHaveLength(30)
    })

    test('what was written is there after closing and opening again', async () => {
      const location = await newLocation()
      const first = await open(location)
      await first.registry.setAlias({
        name: 'fast',
        targets: [{ provider: 'p', model: '', order: 0, weight: 1 }],
        updated: 5,
      })
      await first.close()
      const second = await open(location)
      expect(await second.registry.aliases()).toEqual([
        { name: 'fast', targets: [{ provider: 'p', model: '', order: 0, weight: 1 }], updated: 5 },
      ])
    })
  })
}
