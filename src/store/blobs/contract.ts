import { randomBytes } from 'node:crypto'

/*
 * Where bytes lie that are too many for a row. One contract, two places, one suite that runs on both. Whoever keeps a blob keeps its
 * key; nothing else leads to it.
 */

/** What was put: how many bytes, and what they hash to. */
export interface PutBlob {
  readonly size: number
  /** 64 lower-case hex digits. */
  readonly sha256: string
}

/** A piece of a blob: from the byte `start` up to, and without, the byte `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * Keeps blobs under keys of {@link newBlobKey}. Methods reject with `store_unavailable` when the place cannot be reached, has no room, or
 * refuses.
 */
export interface BlobStore {
  /**
   * Keeps the bytes as they come, and resolves when they are there to stay. What fails leaves nothing: `payload_too_large` beyond
   * `maxBytes`, and whatever the bytes themselves throw.
   */
  put(key: string, bytes: AsyncIterable<Uint8Array>, limits: { readonly maxBytes: number }): Promise<PutBlob>
  /** The bytes, or a range of them that lies within. Throws `not_found` in the first step when there is no such blob. */
  read(key: string, range?: ByteRange): AsyncIterable<Uint8Array>
  /** Lets go of a blob. One that is not there, or only in part, is gone afterwards too. */
  delete(key: string): Promise<void>
}

/** A new key: opaque, and nobody guesses it. */
export function newBlobKey(): string {
  return randomBytes(16).toString('hex')
}

const keyShape = /^[0-9a-f]{32}$/

/** Whether a text can be a key: nothing else is ever looked for, so that no text becomes a path. */
export function isBlobKey(key: string): boolean {
  return keyShape.test(key)
}
