import { type Kysely, sql } from 'kysely'
import { fail } from '../../error/index.ts'
import type { SqlEngine } from './engine.ts'
import { migrations } from './migrations.ts'
import type { Tables } from './tables.ts'

/** What the engines do differently in bringing a schema up to date. */
export interface Migrating {
  readonly name: SqlEngine['name']
  readonly db: Kysely<Tables>
  /** Whether a table of that name is there. */
  hasTable(db: Kysely<Tables>, name: string): Promise<boolean>
  /** Keeps every other process from migrating until the transaction ends. */
  lock(db: Kysely<Tables>): Promise<void>
}

/**
 * Brings the schema up to date, all of it or nothing, however many processes do so at once, and gives the names of what was applied.
 * Refuses a store that a newer version made.
 */
export async function migrate(migrating: Migrating): Promise<readonly string[]> {
  const { db, name: engine } = migrating
  if ((await missing(migrating, db)).length === 0) return []
  return await db.transaction().execute(async (transaction) => {
    await migrating.lock(transaction)
    const steps = await missing(migrating, transaction)
    for (const { name, statements } of steps) {
      for (const statement of statements(engine)) await sql.raw(statement).execute(transaction)
      await transaction.insertInto('migration').values({ name, applied: Date.now() }).execute()
    }
    return steps.map(({ name }) => name)
  })
}

const first = {
  name: '000-migrations',
  statements: () => ['create table migration (name text primary key, applied bigint not null)'],
}

async function missing(migrating: Migrating, db: Kysely<Tables>) {
  if (!(await migrating.hasTable(db, 'migration'))) return [first, ...migrations]
  const applied = new Set((await db.selectFrom('migration').select('name').execute()).map(({ name }) => name))
  const unknown = [...applied].filter((name) => name !== first.name && migrations.every((step) => step.name !== name))
  if (unknown.length > 0)
    throw fail('store_unavailable', `the store was made by a newer version: it has ${unknown.join(', ')}`, {
      retryable: false,
    })
  return migrations.filter(({ name }) => !applied.has(name))
}
