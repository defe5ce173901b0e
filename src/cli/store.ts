import { ConfigError, loadConfig } from '../config/load.ts'
import { GatewayError } from '../error/index.ts'
import { openStore, storeLocation } from '../store/open.ts'
import { migrateStore, restoreStore } from '../store/upkeep.ts'

/** What the commands on the store as a whole take on the command line. */
export interface UpkeepFlags {
  readonly config?: string | undefined
  readonly dataDir?: string | undefined
}

/** What they need of the process they run in. */
export type Surroundings = Pick<NodeJS.Process, 'env' | 'stdout' | 'stderr'>

/** Brings the schema up to date, and tells what was applied. Resolves with the exit code. */
export async function migrate(flags: UpkeepFlags, process: Surroundings): Promise<number> {
  return await onStore(flags, process, async (location) => {
    const applied = await migrateStore(location)
    return applied.length === 0 ? 'the store is up to date' : `applied ${applied.join(', ')}`
  })
}

/** Writes all of the store to a file that must not exist; a gateway may go on using it. Resolves with the exit code. */
export async function backup(file: string, flags: UpkeepFlags, process: Surroundings): Promise<number> {
  return await onStore(flags, process, async (location) => {
    const store = await openStore(location)
    try {
      await store.backup(file)
    } finally {
      await store.close()
    }
    return `the store is in ${file}`
  })
}

/** Reads a backup into a store that is empty. Resolves with the exit code. */
export async function restore(file: string, flags: UpkeepFlags, process: Surroundings): Promise<number> {
  return await onStore(flags, process, async (location) => {
    const rows = await restoreStore(location, file)
    return `read ${rows} rows of ${file}`
  })
}

/** Runs a command on the store of this machine's configuration and prints what it says. Resolves with the exit code. */
export async function onStore(
  { config, dataDir }: UpkeepFlags,
  { env, stdout, stderr }: Surroundings,
  run: (location: string) => Promise<string>,
): Promise<number> {
  try {
    const { data_dir: folder } = loadConfig({ path: config, env, flags: { dataDir } })
    stdout.write(`${await run(storeLocation(env, folder))}\n`)
    return 0
  } catch (error) {
    if (!(error instanceof GatewayError) && !(error instanceof ConfigError)) throw error
    stderr.write(`switchyard: ${error.message}\n`)
    return 1
  }
}
