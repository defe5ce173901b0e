import { randomUUID } from 'node:crypto'
import { createWriteStream, read as readFile, type WriteStream } from 'node:fs'
import { mkdir, readdir, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { promisify } from 'node:util'
import { fail, type GatewayError } from '../error/index.ts'

const readAt = promisify(readFile)

const pieceBytes = 64 * 1024
const inHandBytes = 1024 * 1024

/** Makes the folder that uploads are written to, for this user alone, and removes what a process that was killed may have left there. */
export async function openUploadFolder(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true })
  return folder
}

/**
 * Bytes on the disk instead of in memory. The file has a random name, which it loses as soon as it is open: from then on it ends with
 * the process at the latest, whatever becomes of that.
 */
export class UploadFile implements AsyncDisposable {
  readonly #stream: WriteStream
  readonly #opened = Promise.withResolvers<number>()
  #bytes = 0
  #disposed: Promise<void> | undefined

  readonly #flushed: () => void

  /** `flushed` is called when the disk has all that was written so far; `failed` when it cannot be written. */
  constructor(
    folder: string,
    { flushed, failed }: { readonly flushed: () => void; readonly failed: (error: GatewayError) => void },
  ) {
    this.#flushed = flushed
    const path = join(folder, `${randomUUID()}.part`)
    const options = { flags: 'wx+', mode: 0o600, autoClose: false, highWaterMark: inHandBytes }
    this.#stream = createWriteStream(path, options)
    this.#stream.once('open', (descriptor) => {
      void unlink(path)
        .catch((cause: unknown) => failed(noDisk(cause)))
        .then(() => this.#opened.resolve(descriptor))
    })
    this.#stream.on('error', (cause) => {
      this.#opened.reject(noDisk(cause))
      failed(noDisk(cause))
    })
    this.#opened.promise.catch(() => undefined)
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** Bytes that wait for the disk. */
  get pending(): number {
    return this.#stream.writableLength
  }

  /** Keeps the chunk until the disk has it. False when enough is waiting. */
  write(chunk: Buffer): boolean {
    this.#bytes += chunk.length
    return this.#stream.write(chunk, () => this.pending === 0 && this.#flushed())
  }

  /** Resolves when everything is written. */
  async finish(): Promise<void> {
    this.#stream.end()
    await finished(this.#stream).catch((cause: unknown) => {
      throw noDisk(cause)
    })
    await this.#opened.promise
  }

  /** All of it, in one buffer of its size. */
  async read(): Promise<Buffer<ArrayBuffer>> {
    const whole = Buffer.allocUnsafeSlow(this.#bytes)
    await this.#fill(whole, 0)
    return whole
  }

  /** All of it, in pieces. May be asked for again. */
  async *stream(): AsyncGenerator<Buffer, void, void> {
    for (let at = 0; at < this.#bytes; at += pieceBytes) {
      const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, this.#bytes - at))
      await this.#fill(piece, at)
      yield piece
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#disposed ??= this.#dispose())
  }

  async #fill(buffer: Buffer, position: number): Promise<void> {
    if (this.#disposed !== undefined) throw new Error('the file was let go of')
    const descriptor = await this.#opened.promise
    for (let done = 0; done < buffer.length;) {
      const { bytesRead } = await readAt(descriptor, buffer, done, buffer.length - done, position + done)
      if (bytesRead === 0) throw new Error('the file ends before its end')
      done += bytesRead
    }
  }

  async #dispose(): Promise<void> {
    await this.#opened.promise.catch(() => undefined)
    // Waits for a write that is under way, and then closes the file.
    await new Promise<void>((resolve) => {
      this.#stream.once('close', resolve)
      this.#stream.destroy()
    })
  }
}

function noDisk(cause: unknown): GatewayError {
  return fail('store_unavailable', 'the upload cannot be kept', { cause })
}
