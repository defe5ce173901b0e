import { sql } from 'kysely'
import type { SqlEngine, Writing } from './engine.ts'

/** Counts a change of registry, accounts or keys, in the transaction that makes it, and as its last statement. */
export async function changed(engine: SqlEngine, transaction: Writing): Promise<void> {
  await transaction
    .updateTable('revision')
    .set({ number: sql<bigint>`number + 1` })
    .execute()
  await engine.announce(transaction)
}

/** How many changes there were. */
export async function readRevision(engine: SqlEngine): Promise<bigint> {
  const { number } = await engine.reader.selectFrom('revision').select('number').executeTakeFirstOrThrow()
  return number
}
