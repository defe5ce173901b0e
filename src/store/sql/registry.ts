import { sql } from 'kysely'
import { z } from 'zod'
import { fail } from '../../error/index.ts'
import type { AliasRow, ModelRow, ProviderRow, RegistryStore, SecretSource } from '../contract.ts'
import type { Sql } from './engine.ts'
import { transact, translated } from './faults.ts'
import { jsonText, nameText, readRow, wholeNumber } from './read.ts'
import { changed } from './revision.ts'
import type { ProviderTable } from './tables.ts'
import type { Insertable, Selectable } from 'kysely'

const secret = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('none') }),
  z.object({ kind: z.literal('env'), variable: z.string().min(1) }),
  z.object({ kind: z.literal('file'), path: z.string().min(1) }),
  z.object({
    kind: z.literal('stored'),
    secret: z.object({ keyId: z.string(), nonce: z.string().min(1), sealed: z.string().min(1) }),
  }),
]) satisfies z.ZodType<SecretSource>

const jsonObject = jsonText(z.record(z.string(), z.unknown()))

const providerShape = z.object({
  id: nameText,
  name: nameText,
  type: nameText,
  default_model: z.string().max(512),
  base_url: z.string().max(4096),
  settings: jsonObject,
  secret: jsonText(secret),
  created: wholeNumber,
  updated: wholeNumber,
})

const modelShape = z.object({
  provider: nameText,
  model: nameText,
  first_seen: wholeNumber,
  last_seen: wholeNumber,
  facts: jsonObject,
})

const aliasShape = z.object({
  name: nameText,
  targets: jsonText(
    z
      .array(
        z.object({
          provider: z.string().max(512),
          model: z.string().max(512),
          order: z.int(),
          weight: z.number().min(0),
        }),
      )
      .min(1),
  ),
  updated: wholeNumber,
})

/** The registry on either engine. */
export function sqlRegistry(store: Sql): RegistryStore {
  const { engine } = store
  const { reader } = engine
  return translated(engine, {
    async providers() {
      const rows = await reader.selectFrom('provider').selectAll().orderBy('name').execute()
      return rows.map((row) => readProvider(store, row)).filter((row) => row !== undefined)
    },

    async createProvider(row) {
      await transact(engine, async (writing) => {
        await writing.insertInto('provider').values(writeProvider(row)).execute()
        // What was seen under the name was another provider's.
        await writing.deleteFrom('model').where('provider', '=', row.name).execute()
        await changed(engine, writing)
      })
    },

    async updateProvider(row, since) {
      await transact(engine, async (writing) => {
        const before = await writing
          .selectFrom('provider')
          .select(['name', 'updated'])
          .where('id', '=', row.id)
          .executeTakeFirst()
        if (before === undefined) throw fail('not_found', 'there is no provider of that id')
        const { numUpdatedRows } = await writing
          .updateTable('provider')
          .set(writeProvider(row))
          .where('id', '=', row.id)
          .where('updated', '=', before.updated)
          .executeTakeFirst()
        if (Number(before.updated) !== since || numUpdatedRows === 0n)
          throw fail('conflict', 'the provider was changed by somebody else at the same time')
        if (before.name !== row.name) {
          // What was seen under the new name was another provider's.
          await writing.deleteFrom('model').where('provider', '=', row.name).execute()
          await writing.updateTable('model').set({ provider: row.name }).where('provider', '=', before.name).execute()
        }
        await changed(engine, writing)
      })
    },

    async deleteProvider(id) {
      await transact(engine, async (writing) => {
        const gone = await writing.deleteFrom('provider').where('id', '=', id).returning('name').executeTakeFirst()
        if (gone === undefined) throw fail('not_found', 'there is no provider of that id')
        await writing.deleteFrom('model').where('provider', '=', gone.name).execute()
        await changed(engine, writing)
      })
    },

    async models() {
      const rows = await reader.selectFrom('model').selectAll().orderBy('provider').orderBy('model').execute()
      return rows
        .map((row): ModelRow | undefined => {
          const read = readRow('model', `${row.provider}/${row.model}`, modelShape, row, store.skipped)
          if (read === undefined) return undefined
          const { provider, model, first_seen: firstSeen, last_seen: lastSeen } = read
          return { provider, model, firstSeen, lastSeen, facts: row.facts }
        })
        .filter((row) => row !== undefined)
    },

    async sawModels(provider, models, at) {
      const rows = [...new Map(models.map(({ model, facts }) => [model, facts]))].map(([model, facts]) => ({
        provider,
        model,
        first_seen: Math.trunc(at),
        last_seen: Math.trunc(at),
        facts,
      }))
      await transact(engine, async (writing) => {
        const ending = sql`
          on conflict (provider, model) do update set
            facts = excluded.facts,
            last_seen = case when excluded.last_seen > model.last_seen then excluded.last_seen else model.last_seen end`
        await engine.insertAll(writing, 'model', rows, ending)
        await changed(engine, writing)
      })
    },

    async aliases() {
      const rows = await reader.selectFrom('alias').selectAll().orderBy('name').execute()
      return rows
        .map((row): AliasRow | undefined => readRow('alias', row.name, aliasShape, row, store.skipped))
        .filter((row) => row !== undefined)
    },

    async setAlias({ name, targets, updated }) {
      const row = { targets: JSON.stringify(targets), updated: Math.trunc(updated) }
      await transact(engine, async (writing) => {
        await writing
          .insertInto('alias')
          .values({ name, ...row })
          .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
          .execute()
        await changed(engine, writing)
      })
    },

    async deleteAlias(name) {
      await transact(engine, async (writing) => {
        const { numDeletedRows } = await writing.deleteFrom('alias').where('name', '=', name).executeTakeFirst()
        if (numDeletedRows === 0n) throw fail('not_found', 'there is no alias of that name')
        await changed(engine, writing)
      })
    },
  } satisfies RegistryStore)
}

function writeProvider(row: ProviderRow): Insertable<ProviderTable> {
  const { id, name, type, baseUrl, settings, defaultModel } = row
  return {
    id,
    name,
    type,
    default_model: defaultModel,
    base_url: baseUrl,
    settings,
    secret: JSON.stringify(row.secret),
    created: Math.trunc(row.created),
    updated: Math.trunc(row.updated),
  }
}

function readProvider(store: Sql, row: Selectable<ProviderTable>): ProviderRow | undefined {
  const read = readRow('provider', row.id, providerShape, row, store.skipped)
  if (read === undefined) return undefined
  const { id, name, type, default_model: defaultModel, base_url: baseUrl, created, updated } = read
  return { id, name, type, defaultModel, baseUrl, settings: row.settings, secret: read.secret, created, updated }
}
