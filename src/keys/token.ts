import { hash, randomBytes } from 'node:crypto'

/** A key that was just made. The token is shown once and never kept; what is kept is its hash. */
export interface MintedKey {
  /** Twelve hex digits: names the key, and is no secret. */
  readonly id: string
  /** `sy_<id>_<secret>`, with 256 random bits in base64url. */
  readonly token: string
  /** SHA-256 of the whole token, 64 lower-case hex digits. */
  readonly sha256: string
}

/** Makes a key. `id` only where several gateways must agree on one. */
export function mintKey(id: string = randomBytes(6).toString('hex')): MintedKey {
  const token = `sy_${id}_${randomBytes(32).toString('base64url')}`
  return { id, token, sha256: hash('sha256', token) }
}
