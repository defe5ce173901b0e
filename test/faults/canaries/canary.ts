import { randomBytes } from 'node:crypto'

/** Something that must not be seen where it does not belong, and by what it is known again: no piece occurs anywhere else. */
export interface Canary {
  readonly name: string
  readonly pieces: readonly Buffer[]
}

/** A canary that is a text. */
export interface Planted extends Canary {
  readonly text: string
}

/** Bytes of one piece: enough not to occur by chance, and few enough for a fragment of a quotation to hold one. */
export const pieceBytes = 8

const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/**
 * Makes one of new random letters. Whoever sees 15 of them in a row sees a piece; the 20 that a parser quotes of what it cannot read
 * are enough. It is too short and too plain to be taken for a key by its looks alone.
 */
export function plant(name: string, pieces = 3): Planted {
  const text = Array.from(randomBytes(pieces * pieceBytes), (byte) => letters[byte % letters.length]).join('')
  return { text, ...canaryOf(name, text) }
}

/** One of what somebody else made: a key, a password. */
export function canaryOf(name: string, secret: string | Uint8Array): Canary {
  const bytes = Buffer.from(secret)
  const count = Math.floor(bytes.length / pieceBytes)
  if (count === 0) throw new Error(`${name} is too short to be known again`)
  const pieces = Array.from({ length: count }, (_, at) => bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes))
  return { name, pieces }
}
