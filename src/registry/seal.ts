import { createCipheriv, createDecipheriv, hash, hkdfSync, randomBytes } from 'node:crypto'
import { fail } from '../error/index.ts'
import { Secret } from '../provider/secret.ts'
import type { SealedSecret } from '../store/contract.ts'

const cipher = 'aes-256-gcm'
const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

interface MasterKey {
  readonly id: string
  readonly bytes: Buffer
}

/**
 * Seals the keys of registered providers before they are stored: AES-256-GCM, bound to the provider's id, so that a sealed secret
 * cannot be moved to another row. The first master key seals; all of them open, so that a key can be replaced.
 */
export class Sealer {
  readonly #keys: readonly MasterKey[]

  private constructor(keys: readonly MasterKey[]) {
    this.#keys = keys
  }

  /**
   * Reads master keys: 32 bytes as base64 or hex, or several as `id:key,id:key` with the newest first. A key without an id is named
   * by its own hash. Without any, nothing can be sealed. Throws `invalid_request`, which never repeats the key.
   */
  static from(text: string | undefined): Sealer {
    const words = (text ?? '').split(',').map((word) => word.trim())
    const keys = words.filter((word) => word !== '').map(readKey)
    const ids = new Set(keys.map(({ id }) => id))
    if (ids.size < keys.length) throw fail('invalid_request', `${masterKeyVariable}: two keys have the same id`)
    return new Sealer(keys)
  }

  /** The id of the key that seals; undefined when there is none. */
  get keyId(): string | undefined {
    return this.#keys[0]?.id
  }

  /** A key for another purpose out of each master key, the newest first: none tells of the master key, or of those for other purposes. */
  derive(purpose: string): readonly Buffer[] {
    return this.#keys.map(({ bytes }) => Buffer.from(hkdfSync('sha256', bytes, '', purpose, keyBytes)))
  }

  /** Seals a secret for one provider. Throws `invalid_request` when there is no master key. */
  seal(secret: Secret, providerId: string): SealedSecret {
    const [key] = this.#keys
    if (key === undefined)
      throw fail(
        'invalid_request',
        `this gateway has no ${masterKeyVariable}, so it cannot keep an API key; name a variable or a file that holds it instead`,
        { param: 'api_key' },
      )
    const nonce = randomBytes(nonceBytes)
    const sealing = createCipheriv(cipher, key.bytes, nonce).setAAD(Buffer.from(providerId))
    const sealed = Buffer.concat([sealing.update(secret.reveal(), 'utf8'), sealing.final(), sealing.getAuthTag()])
    return { keyId: key.id, nonce: nonce.toString('base64url'), sealed: sealed.toString('base64url') }
  }

  /** Opens what was sealed for that provider. Throws `provider_credential` when the key is not here, or the row was tampered with. */
  open({ keyId, nonce, sealed }: SealedSecret, providerId: string): Secret {
    const key = this.#keys.find(({ id }) => id === keyId)
    if (key === undefined)
      throw fail(
        'provider_credential',
        `the stored API key is sealed with the master key "${keyId.slice(0, 64)}", which this gateway does not have`,
      )
    try {
      const bytes = Buffer.from(sealed, 'base64url')
      const opening = createDecipheriv(cipher, key.bytes, Buffer.from(nonce, 'base64url'), { authTagLength: tagBytes })
      opening.setAAD(Buffer.from(providerId)).setAuthTag(bytes.subarray(-tagBytes))
      const text = Buffer.concat([opening.update(bytes.subarray(0, -tagBytes)), opening.final()])
      return new Secret(text.toString('utf8'))
    } catch (cause) {
      throw fail('provider_credential', 'the stored API key cannot be opened', { cause })
    }
  }
}

/** The environment variable that holds the master keys. */
export const masterKeyVariable = 'SWITCHYARD_MASTER_KEY'

function readKey(word: string): MasterKey {
  const colon = word.indexOf(':')
  const bytes = bytesOf(word.slice(colon + 1))
  if (bytes === undefined)
    throw fail('invalid_request', `${masterKeyVariable}: a key must be 32 bytes as base64 or 64 hex digits`)
  const id = colon < 0 ? hash('sha256', bytes).slice(0, 8) : word.slice(0, colon)
  if (!/^[A-Za-z0-9._-]{1,32}$/.test(id))
    throw fail(
      'invalid_request',
      `${masterKeyVariable}: the id of a key must be 1 to 32 letters, digits, ".", "_" or "-"`,
    )
  return { id, bytes }
}

function bytesOf(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === keyBytes ? bytes : undefined
}
