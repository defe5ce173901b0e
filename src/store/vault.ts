import { randomBytes } from 'node:crypto'
import { fail } from '../error/index.ts'
import { type BlobStore, type ByteRange, newBlobKey } from './blobs/contract.ts'
import type { AccountScope, Page } from './contract.ts'
import type { FileFilter, FilePage, FileRow, FileStore } from './files-contract.ts'

/** What a vault is made of. */
export interface VaultOptions {
  readonly files: FileStore
  readonly blobs: BlobStore
  /** Most bytes of a file. */
  readonly maxBytes: number
  /** Milliseconds that a file is kept which says no other end; Infinity: for ever. */
  readonly keptMs: number
  readonly now?: () => number
}

/** What a file shall be called. */
export interface FileFacts {
  /** Data, and never a path. */
  readonly name: string
  readonly purpose: string
  /** What is no media type becomes `application/octet-stream`. */
  readonly mediaType: string
  /** Milliseconds since the epoch, from when on it is not there any more. */
  readonly expires?: number | undefined
  /** Most bytes of it, where that is not what the vault says. */
  readonly maxBytes?: number
}

/** A file that is there. */
export interface OpenFile {
  readonly file: FileRow
  /** Its bytes, or a range that lies within. Throws `not_found` in the first step when they were lost. */
  read(range?: ByteRange): AsyncIterable<Uint8Array>
}

/** An upload that has not ended after this time has failed: milliseconds. */
const abandonedMs = 86_400_000

/** Files that a sweep looks at in one go. */
const sweepSize = 100

const longestName = 512
const typeShape = /^([\w!#$&^.+-]{1,100}\/[\w!#$&^.+-]{1,100})(?:\s*;\s*charset="?([\w-]{1,40})"?)?\s*(?:;|$)/

/**
 * Files with their bytes. A file that is seen has its bytes, whatever failed and whenever a process was killed; what failed leaves nothing,
 * or what the next sweep takes.
 */
export class Vault {
  readonly #files: FileStore
  readonly #blobs: BlobStore
  readonly #maxBytes: number
  readonly #keptMs: number
  readonly #now: () => number

  constructor({ files, blobs, maxBytes, keptMs, now = Date.now }: VaultOptions) {
    this.#files = files
    this.#blobs = blobs
    this.#maxBytes = maxBytes
    this.#keptMs = keptMs
    this.#now = now
  }

  /**
   * Keeps a file for an account, and resolves when it is there to stay. Throws `invalid_request` for a name or purpose that is too
   * long, `payload_too_large` for more than the limit, and whatever the bytes throw.
   */
  async keep(accountId: string, facts: FileFacts, bytes: AsyncIterable<Uint8Array>): Promise<FileRow> {
    const file = this.#begun(accountId, facts)
    await this.#files.begin(file)
    try {
      const { maxBytes = this.#maxBytes } = facts
      const { size, sha256 } = await this.#blobs.put(file.blob, bytes, { maxBytes })
      return await this.#files.complete(file.id, { bytes: size, sha256 })
    } catch (error) {
      await this.#giveUp(file)
      throw error
    }
  }

  /** Throws `not_found`, also for a file of an account outside of the scope, and for one that is past its time. */
  async open(id: string, scope: AccountScope): Promise<OpenFile> {
    const file = await this.#files.file(id, scope, this.#now())
    return { file, read: (range) => this.#blobs.read(file.blob, range) }
  }

  /** The files of the scope, page by page. */
  list(filter: FileFilter, scope: AccountScope, page: FilePage): Promise<Page<FileRow>> {
    return this.#files.files(filter, scope, page, this.#now())
  }

  /** Removes a file, and gives what it was. Throws `not_found` as `open` does. */
  async remove(id: string, scope: AccountScope): Promise<FileRow> {
    const file = await this.#files.remove(id, scope, this.#now())
    // Nobody sees it any more; bytes that cannot be let go of now are the next sweep's.
    await this.#letGo([file]).catch(() => undefined)
    return file
  }

  /**
   * Lets go of what is past its time, and of what removing and failing left. Resolves with how many files that were; rejects when
   * some could not be, after all others.
   */
  async sweep(now: number): Promise<number> {
    let gone = 0
    for (;;) {
      const leftovers = await this.#files.leftovers(now, now - abandonedMs, sweepSize)
      await this.#letGo(leftovers)
      gone += leftovers.length
      if (leftovers.length < sweepSize) return gone
    }
  }

  #begun(accountId: string, { name, purpose, mediaType, expires }: FileFacts) {
    if (name.length > longestName) throw tooLong('name', 'filename')
    if (purpose.length > longestName) throw tooLong('purpose', 'purpose')
    const created = this.#now()
    const last = Number.isFinite(this.#keptMs) ? created + this.#keptMs : undefined
    return {
      id: `file-${randomBytes(16).toString('hex')}`,
      accountId,
      name,
      purpose,
      mediaType: mediaTypeOf(mediaType),
      created,
      expires: expires ?? last,
      blob: newBlobKey(),
    }
  }

  /** The row goes first: where it cannot, it may be that of a whole file after all, or the next sweep's. */
  async #giveUp(file: Pick<FileRow, 'id' | 'blob'>): Promise<void> {
    try {
      await this.#files.forget([file.id])
      await this.#blobs.delete(file.blob)
    } catch {
      // The error that led here is the one to tell.
    }
  }

  /** The bytes go first, and a row only when they are gone. */
  async #letGo(files: readonly Pick<FileRow, 'id' | 'blob'>[]): Promise<void> {
    const done = await Promise.allSettled(files.map(({ blob }) => this.#blobs.delete(blob)))
    await this.#files.forget(files.filter((_, index) => done[index]?.status === 'fulfilled').map(({ id }) => id))
    const failed = done.find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }
}

/** A media type that may stand in a header, with its character set when it has one. */
function mediaTypeOf(text: string): string {
  const [, type, charset] = typeShape.exec(text) ?? []
  if (type === undefined) return 'application/octet-stream'
  return charset === undefined ? type.toLowerCase() : `${type.toLowerCase()}; charset=${charset.toLowerCase()}`
}

function tooLong(what: string, param: string): Error {
  return fail('invalid_request', `the ${what} of a file must not be longer than ${longestName} characters`, { param })
}
