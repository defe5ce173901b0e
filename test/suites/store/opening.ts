import { describe, expect, test } from 'vitest'
import type { Bed } from './bed.ts'
import { providerRow } from './rows.ts'

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
