import { fail } from '../error/index.ts'
import { rotateSecrets } from '../registry/rotate.ts'
import { masterKeyVariable, Sealer } from '../registry/seal.ts'
import { openStore } from '../store/open.ts'
import { onStore, type Surroundings, type UpkeepFlags } from './store.ts'

/** Seals every key in the store again with the newest master key, and tells how many. Resolves with the exit code. */
export async function rotate(flags: UpkeepFlags, process: Surroundings): Promise<number> {
  return await onStore(flags, process, async (location) => {
    const sealer = Sealer.from(process.env[masterKeyVariable])
    const store = await openStore(location)
    try {
      const { resealed, before, failed } = await rotateSecrets(store.registry, sealer)
      const told = `sealed ${resealed} again with the master key "${sealer.keyId}"; ${before} were already`
      if (failed.length > 0)
        throw fail('provider_credential', `${told}; ${failed.length} could not be opened: ${failed.join('; ')}`)
      return told
    } finally {
      await store.close()
    }
  })
}
