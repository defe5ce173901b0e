import { asGatewayError, fail } from '../error/index.ts'
import type { ProviderRow, RegistryStore } from '../store/contract.ts'
import type { Sealer } from './seal.ts'

/** What became of the secrets in the store. */
export interface Rotation {
  /** Sealed again, with the newest master key. */
  readonly resealed: number
  /** Sealed with it before. */
  readonly before: number
  /** Names of the providers whose secret could not be opened, and why. */
  readonly failed: readonly string[]
}

/** Tries at a row that somebody else changes at the same time. */
const mostTries = 5

/**
 * Seals every stored key again with the newest master key, so that older ones can be taken away. A gateway may go on using the
 * store, as long as it has both. Throws `invalid_request` without a master key.
 */
export async function rotateSecrets(store: RegistryStore, sealer: Sealer): Promise<Rotation> {
  if (sealer.keyId === undefined) throw fail('invalid_request', 'there is no SWITCHYARD_MASTER_KEY to seal with')
  const failed: string[] = []
  let resealed = 0
  let before = 0
  for (const row of await store.providers()) {
    if (row.secret.kind !== 'stored') continue
    if (row.secret.secret.keyId === sealer.keyId) {
      before++
      continue
    }
    try {
      await reseal(row, store, sealer)
      resealed++
    } catch (error) {
      const { reason, message } = asGatewayError(error)
      if (reason !== 'provider_credential') throw error
      failed.push(`${row.name}: ${message}`)
    }
  }
  return { resealed, before, failed }
}

async function reseal(row: ProviderRow, store: RegistryStore, sealer: Sealer): Promise<void> {
  let current: ProviderRow | undefined = row
  for (let tries = 1; current !== undefined; tries++) {
    if (current.secret.kind !== 'stored' || current.secret.secret.keyId === sealer.keyId) return
    const secret = sealer.seal(sealer.open(current.secret.secret, current.id), current.id)
    const updated = Math.max(Date.now(), current.updated + 1)
    try {
      return await store.updateProvider({ ...current, secret: { kind: 'stored', secret }, updated }, current.updated)
    } catch (error) {
      const { reason } = asGatewayError(error)
      if (tries === mostTries || (reason !== 'conflict' && reason !== 'not_found')) throw error
      // Somebody else was faster: what they left is what counts.
      current = (await store.providers()).find(({ id }) => id === row.id)
    }
  }
}
