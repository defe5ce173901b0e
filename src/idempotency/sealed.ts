import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { fail } from '../error/index.ts'
import type { IdempotencyStore, KeptAnswer, OnceName } from '../store/contract.ts'

const cipher = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

/** Among the headers of an answer whose body is sealed. No header of HTTP is called that. */
const mark = ':sealed'

/**
 * The same store, but that it is given the bodies of answers sealed: AES-256-GCM, bound to whose request it is and what they call it. The
 * first of the keys (32 bytes each) seals, and all of them open, so that a key can be replaced; without any, bodies stay as they are. An answer
 * that no key opens is `internal`: it was paid for, and is not asked for again; a replica that has its key can give it.
 */
export function sealedAnswers(store: IdempotencyStore, keys: readonly Buffer[]): IdempotencyStore {
  return {
    async begin(name, fingerprint, leaseUntil, now) {
      const begun = await store.begin(name, fingerprint, leaseUntil, now)
      return begun.state === 'done' ? { state: 'done', answer: open(begun.answer, name, keys) } : begun
    },
    finish: (name, fence, answer, expires) => store.finish(name, fence, seal(answer, name, keys[0]), expires),
    renew: (claims, leaseUntil) => store.renew(claims, leaseUntil),
    forget: (name, fence) => store.forget(name, fence),
    sweep: (now) => store.sweep(now),
  }
}

function seal(answer: KeptAnswer, name: OnceName, key: Buffer | undefined): KeptAnswer {
  const { headers, body } = answer
  if (key === undefined || body === undefined) return answer
  const nonce = randomBytes(nonceBytes)
  const sealing = createCipheriv(cipher, key, nonce).setAAD(boundTo(name))
  const sealed = Buffer.concat([nonce, sealing.update(body), sealing.final(), sealing.getAuthTag()])
  return { ...answer, headers: { ...headers, [mark]: '1' }, body: sealed }
}

function open(answer: KeptAnswer, name: OnceName, keys: readonly Buffer[]): KeptAnswer {
  const { [mark]: sealed, ...headers } = answer.headers
  if (sealed === undefined || answer.body === undefined) return answer
  for (const key of keys) {
    const body = openWith(key, answer.body, name)
    if (body !== undefined) return { ...answer, headers, body }
  }
  throw fail('internal', 'the kept answer cannot be opened: its master key is not here', { retryable: true })
}

function openWith(key: Buffer, sealed: Uint8Array, name: OnceName): Uint8Array | undefined {
  try {
    const nonce = sealed.subarray(0, nonceBytes)
    const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
    opening.setAAD(boundTo(name)).setAuthTag(sealed.subarray(-tagBytes))
    return Buffer.concat([opening.update(sealed.subarray(nonceBytes, -tagBytes)), opening.final()])
  } catch {
    return undefined
  }
}

function boundTo({ accountId, keyId, key }: OnceName): Buffer {
  return Buffer.from(JSON.stringify([accountId, keyId, key]))
}
