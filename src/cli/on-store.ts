import { ConfigError, loadConfig } from '../config/load.ts'
import { GatewayError } from '../error/index.ts'
import type { Store } from '../store/contract.ts'
import { openStore, storeLocation } from '../store/open.ts'
import type { Surroundings } from './surroundings.ts'

/** Where a command finds the store: as `switchyard serve` does. */
export interface StoreFlags {
  readonly config?: string | undefined
  readonly dataDir?: string | undefined
}

/** Runs a command on the store of this machine's configuration, opened. Resolves with the exit code; why it is 1 is told in one line. */
export function onStore(
  flags: StoreFlags,
  process: Surroundings,
  run: (store: Store) => Promise<void>,
): Promise<number> {
  return atStore(flags, process, (location) => withStore(location, run))
}

/** Opens the store there, and closes it again after the run. */
export async function withStore(location: string, run: (store: Store) => Promise<void>): Promise<void> {
  const store = await openStore(location)
  try {
    await run(store)
  } finally {
    await store.close()
  }
}

/** The same for a command that needs only to know where the store is. */
export async function atStore(
  { config, dataDir }: StoreFlags,
  { env, stderr }: Surroundings,
  run: (location: string) => Promise<void>,
): Promise<number> {
  try {
    const { data_dir: folder } = loadConfig({ path: config, env, flags: { dataDir } })
    await run(storeLocation(env, folder))
    return 0
  } catch (error) {
    if (!(error instanceof GatewayError) && !(error instanceof ConfigError)) throw error
    stderr.write(`switchyard: ${error.message}\n`)
    return 1
  }
}
