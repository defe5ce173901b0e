import { createHash } from 'node:crypto'
import { fail } from '../../error/index.ts'
import type { PutBlob } from './contract.ts'

/** Counts and hashes bytes while they pass. */
export class Measure {
  readonly #hash = createHash('sha256')
  readonly #maxBytes: number
  #size = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The same bytes. Throws `payload_too_large` at the first piece that is beyond the limit. */
  async *pass(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    for await (const piece of bytes) {
      this.#size += piece.length
      if (this.#size > this.#maxBytes)
        throw fail('payload_too_large', `the file is larger than ${this.#maxBytes} bytes`)
      this.#hash.update(piece)
      yield piece
    }
  }

  /** What has passed. To be asked once, at the end. */
  result(): PutBlob {
    return { size: this.#size, sha256: this.#hash.digest('hex') }
  }
}
