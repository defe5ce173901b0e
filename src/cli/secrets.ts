import { fail } from '../error/index.ts'
import { rotateSecrets } from '../registry/rotate.ts'
import { masterKeyVariable, Sealer } from '../registry/seal.ts'
import { onStore, type StoreFlags } from './on-store.ts'
import type { Surroundings } from './surroundings.ts'

/** Seals every key in the store again with the newest master key, and tells how many. Resolves with the exit code. */
export function rotate(flags: StoreFlags, process: Surroundings): Promise<number> {
  return onStore(flags, process, async (store) => {
    const sealer = Sealer.from(process.env[masterKeyVariable])
    const { resealed, before, failed } = await rotateSecrets(store.registry, sealer)
    const told = `sealed ${resealed} again with the master key "${sealer.keyId}"; ${before} were already`
    if (failed.length > 0)
      throw fail('provider_credential', `${told}; ${failed.length} could not be opened: ${failed.join('; ')}`)
    process.stdout.write(`${told}\n`)
  })
}
