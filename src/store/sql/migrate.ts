import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { fail } from '../../error/index.ts'
import type { SqlEngine } from './engine.ts'
import { type Migration, migrations } from './migrations.ts'
import type { Tables } from './tables.ts'

/** Where the names of applied migrations are kept, which is made before all others. */
const first: Migration = {
  name: '000-migrations',
  statements: () => ['create table migration (name text primary key, applied bigint not null)'],
}

const steps = [first, ...migrations]

/**
 * Brings the schema up to date, or to the last of `wanted`, all of it or nothing, however many processes do so at once, and gives the
 * names of what was applied. Refuses a store that a newer version made.
 */
export async function migrate(
  engine: SqlEngine,
  wanted: readonly string[] = steps.map(({ name }) => name),
): Promise<readonly string[]> {
  // Whoever may not make tables can still open a store that is up to date.
  if ((await missing(engine, engine.writer, wanted)).length === 0) return []
  return await engine.writer.transaction().execute(async (transaction) => {
    await engine.lockMigrations(transaction)
    const todo = await missing(engine, transaction, wanted)
    for (const { name, statements } of todo) {
      for (const statement of statements(engine.name)) await sql.raw(statement).execute(transaction)
      await transaction.insertInto('migration').values({ name, applied: Date.now() }).execute()
    }
    return todo.map(({ name }) => name)
  })
}

async function missing(
  engine: SqlEngine,
  db: Kysely<Tables>,
  wanted: readonly string[],
): Promise<readonly Migration[]> {
  const applied = await appliedMigrations(engine, db)
  const unknown = unknownMigrations(applied)
  if (unknown.length > 0)
    throw fail('store_unavailable', `the store was made by a newer version: it has ${unknown.join(', ')}`, {
      retryable: false,
    })
  return steps.filter(({ name }) => wanted.includes(name) && !applied.includes(name))
}

/** The names of the migrations that a store has had, in their order; none where nothing is yet. */
export async function appliedMigrations(engine: SqlEngine, db: Kysely<Tables>): Promise<readonly string[]> {
  if (!(await engine.hasTable(db, 'migration'))) return []
  const rows = await db.selectFrom('migration').select('name').orderBy('name').execute()
  return rows.map(({ name }) => name)
}

/** Those that this version does not have. */
export function unknownMigrations(names: readonly string[]): readonly string[] {
  return names.filter((name) => steps.every((step) => step.name !== name))
}
