import { existsSync } from 'node:fs'
import { fail } from '../error/index.ts'
import { isPostgres } from '../store/open.ts'
import { migrateStore, restoreStore } from '../store/upkeep.ts'
import { atStore, type StoreFlags, withStore } from './on-store.ts'
import type { Surroundings } from './surroundings.ts'

/** Brings the schema up to date, and tells what was applied. Resolves with the exit code. */
export function migrate(flags: StoreFlags, process: Surroundings): Promise<number> {
  return atStore(flags, process, async (location) => {
    const applied = await migrateStore(location)
    process.stdout.write(`${applied.length === 0 ? 'the store is up to date' : `applied ${applied.join(', ')}`}\n`)
  })
}

/**
 * Writes all of the store to a file that must not exist; a gateway may go on using it. A store that is not there is refused, and not made:
 * a backup of nothing would be missed too late. Resolves with the exit code.
 */
export function backup(file: string, flags: StoreFlags, process: Surroundings): Promise<number> {
  return atStore(flags, process, async (location) => {
    if (!isPostgres(location) && !existsSync(location))
      throw fail('not_found', `there is no store ${location}: --data-dir, or --config, may lead elsewhere`)
    await withStore(location, (store) => store.backup(file))
    process.stdout.write(`the store is in ${file}\n`)
  })
}

/** Reads a backup into a store that is empty. Resolves with the exit code. */
export function restore(file: string, flags: StoreFlags, process: Surroundings): Promise<number> {
  return atStore(flags, process, async (location) => {
    const rows = await restoreStore(location, file)
    process.stdout.write(`read ${rows} rows of ${file}\n`)
  })
}
