import { describe, expect, test } from 'vitest'
import { type Bed, reasonOf } from './bed.ts'
import { providerRow } from './rows.ts'

/** Providers, models and aliases. */
export function registrySuite({ fresh }: Bed): void {
  describe('registry', () => {
    test('keeps every kind of secret, and refuses twins', async () => {
      const { registry } = await fresh()
      const rows = [
        providerRow({ id: '1', name: 'a', secret: { kind: 'none' } }),
        providerRow({ id: '2', name: 'b', secret: { kind: 'env', variable: 'NORTH_API_KEY' } }),
        providerRow({ id: '3', name: 'c', secret: { kind: 'file', path: '/run/secrets/north' } }),
        providerRow({ id: '4', name: 'd' }),
      ]
      for (const row of rows) await registry.createProvider(row)
      expect(await registry.providers()).toEqual(rows)
      expect(await reasonOf(registry.createProvider(providerRow({ id: '5', name: 'a' })))).toBe('conflict')
      expect(await reasonOf(registry.createProvider(providerRow({ id: '1', name: 'e' })))).toBe('conflict')
      expect(await reasonOf(registry.updateProvider(providerRow({ id: '1', name: 'b' }), rows[0]?.updated ?? 0))).toBe(
        'conflict',
      )
      expect(await reasonOf(registry.updateProvider(providerRow({ id: '9', name: 'z' }), 0))).toBe('not_found')
      expect(await registry.providers()).toEqual(rows)
    })

    test('of two who change a provider at the same time, one is told so', async () => {
      const { registry } = await fresh()
      const row = providerRow({ updated: 5 })
      await registry.createProvider(row)
      const changes = ['one', 'two'].map((defaultModel, index) =>
        reasonOf(registry.updateProvider({ ...row, defaultModel, updated: 6 + index }, 5)),
      )
      expect((await Promise.all(changes)).toSorted()).toEqual(['conflict', 'nothing was wrong'])
      expect(await reasonOf(registry.updateProvider({ ...row, defaultModel: 'late', updated: 9 }, 5))).toBe('conflict')
      expect((await registry.providers()).map(({ defaultModel }) => defaultModel)).not.toContain('late')
    })

    test('an alias may lead to another', async () => {
      const { registry } = await fresh()
      const alias = { name: 'fast', targets: [{ provider: '', model: 'other', order: 0, weight: 0.5 }], updated: 1 }
      await registry.setAlias(alias)
      expect(await registry.aliases()).toEqual([alias])
    })

    test('a provider takes its models along when it is renamed or deleted', async () => {
      const { registry } = await fresh()
      await registry.createProvider(providerRow())
      await registry.sawModels('north', [{ model: 'm1', facts: '{"a":1}' }], 10)
      await registry.sawModels('configured', [{ model: 'm1', facts: '{}' }], 10)
      await registry.updateProvider(providerRow({ name: 'arctic' }), providerRow().updated)
      expect((await registry.models()).map(({ provider }) => provider)).toEqual(['arctic', 'configured'])
      await registry.deleteProvider('a1b2c3d4')
      expect((await registry.models()).map(({ provider }) => provider)).toEqual(['configured'])
      expect(await reasonOf(registry.deleteProvider('a1b2c3d4'))).toBe('not_found')
    })

    test('a new provider has none of the models that another was seen to have under its name', async () => {
      const { registry } = await fresh()
      await registry.sawModels('north', [{ model: 'of another', facts: '{}' }], 1)
      await registry.sawModels('south', [{ model: 'its own', facts: '{}' }], 1)
      await registry.createProvider(providerRow({ name: 'north' }))
      expect((await registry.models()).map(({ model }) => model)).toEqual(['its own'])
    })

    test('remembers when a model was seen first and last', async () => {
      const { registry } = await fresh()
      await registry.sawModels(
        'north',
        [
          { model: 'm1', facts: '{}' },
          { model: 'm2', facts: '{}' },
        ],
        10,
      )
      await registry.sawModels(
        'north',
        [
          { model: 'm2', facts: '{"new":true}' },
          { model: 'm3', facts: '{}' },
        ],
        20,
      )
      expect(await registry.models()).toEqual([
        { provider: 'north', model: 'm1', firstSeen: 10, lastSeen: 10, facts: '{}' },
        { provider: 'north', model: 'm2', firstSeen: 10, lastSeen: 20, facts: '{"new":true}' },
        { provider: 'north', model: 'm3', firstSeen: 20, lastSeen: 20, facts: '{}' },
      ])
    })

    test('replaces and deletes aliases', async () => {
      const { registry } = await fresh()
      const alias = { name: 'fast', targets: [{ provider: 'a', model: 'm', order: 0, weight: 2 }], updated: 1 }
      await registry.setAlias(alias)
      const next = {
        ...alias,
        targets: [...alias.targets, { provider: 'b', model: '', order: 1, weight: 1 }],
        updated: 2,
      }
      await registry.setAlias(next)
      expect(await registry.aliases()).toEqual([next])
      await registry.deleteAlias('fast')
      expect(await registry.aliases()).toEqual([])
      expect(await reasonOf(registry.deleteAlias('fast'))).toBe('not_found')
    })
  })
}
