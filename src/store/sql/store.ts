import { fail } from '../../error/index.ts'
import type { Store } from '../contract.ts'
import { sqlAccounts } from './accounts.ts'
import type { Sql } from './engine.ts'
import { storeError } from './faults.ts'
import { sqlLedger } from './ledger.ts'
import { sqlRegistry } from './registry.ts'
import { readRevision } from './revision.ts'

/** The parts of a store that are the same SQL on both engines. */
export function sqlStore(store: Sql) {
  const { engine } = store
  return {
    engine: engine.name,
    registry: sqlRegistry(store),
    accounts: sqlAccounts(store),
    ledger: sqlLedger(store),
    async revision(): Promise<bigint> {
      try {
        return await readRevision(engine)
      } catch (error) {
        throw storeError(engine, error)
      }
    },
    async backup(): Promise<void> {
      throw fail('unsupported_operation', 'this store cannot do this yet')
    },
  } satisfies Partial<Record<keyof Store, unknown>>
}
