import { describe, expect, test, vi } from 'vitest'
import { type Bed, reasonOf } from './bed.ts'
import { keyRow, providerRow } from './rows.ts'

/** How changes are counted and told. */
export function revisionSuite({ fresh, open, newLocation }: Bed): void {
  describe('revision', () => {
    test('counts every change of registry, accounts and keys, and no failed one', async () => {
      const store = await fresh()
      const { registry, accounts } = store
      const start = await store.revision()
      await registry.createProvider(providerRow())
      await accounts.createAccount({ id: 'acme', name: 'Acme', created: 1, logContent: true })
      await accounts.createKey(keyRow())
      await accounts.revokeKey('k1', 'all', 5)
      expect(await store.revision()).toBe(start + 4n)
      await reasonOf(registry.createProvider(providerRow()))
      await reasonOf(registry.deleteAlias('none'))
      expect(await store.revision()).toBe(start + 4n)
    })

    test('a change by one is told to the others', async () => {
      const location = await newLocation()
      const [first, second] = await Promise.all([open(location), open(location)])
      const changed = vi.fn<() => void>()
      const failed = vi.fn<() => void>()
      const stop = second.watch(changed, failed)
      // Watching has begun once a change of its own side is seen.
      await second.registry.setAlias({
        name: 'x',
        targets: [{ provider: 'p', model: '', order: 0, weight: 1 }],
        updated: 1,
      })
      await expect.poll(() => changed).toHaveBeenCalled()
      const before = changed.mock.calls.length
      await first.registry.createProvider(providerRow())
      await expect.poll(() => changed.mock.calls.length, { interval: 10 }).toBeGreaterThan(before)
      expect(failed).not.toHaveBeenCalled()
      stop()
    })
  })
}
