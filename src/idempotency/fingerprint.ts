import { createHash, type Hash } from 'node:crypto'

/** Says in 64 hex digits what a request asks: two that ask the same have the same, and nothing else can be read from it. */
export class Fingerprint {
  readonly #hash: Hash = createHash('sha256')

  /** Each word is one more part of the question, in its order. */
  constructor(words: readonly string[]) {
    for (const word of words) this.add(word)
  }

  /** One more part. Its length goes first, so that no other parts look like these. */
  add(part: string | Uint8Array): void {
    this.#hash.update(`${typeof part === 'string' ? Buffer.byteLength(part) : part.length}:`).update(part)
  }

  /** The digits. Nothing can be added afterwards. */
  digits(): string {
    return this.#hash.digest('hex')
  }
}
