import { Dicer } from '@fastify/busboy'
import type { Form, FormFile } from '../dialects/form.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import { decodeUtf8 } from './body.ts'
import type { NodeRequest } from './guard.ts'
import { Intake, type Receiver } from './intake.ts'
import { boundaryOf, partFault, type PartHead, type RawHead, readPartHead } from './part-head.ts'
import { UploadFile } from './upload-file.ts'

/** What a form may hold, and how long the client may pause in sending it. */
export interface UploadLimits {
  /** Bytes of each file. */
  readonly bytes: number
  /** Milliseconds between two pieces of the body, and before the first. */
  readonly idleMs: number
  /** Where files are written to, as `openUploadFolder` made it. */
  readonly folder: string
  /** Names of the parts that are files; each may be there once. Every other part is a field. */
  readonly files: readonly string[]
}

/** A form that arrived whole. Its files are gone when it is disposed. */
export interface Upload extends Form, AsyncDisposable {
  /** Bytes of the whole body. */
  readonly bytes: number
}

/** What a form may have beside the bytes of its files. */
const most = { parts: 64, fieldBytes: 64 * 1024, overheadBytes: 512 * 1024 }

/**
 * Reads a body of `multipart/form-data`. Files go to the disk as they come, so that memory does not grow with them.
 *
 * Throws `unsupported_media_type` for another content type, and for a compressed body; `payload_too_large` as soon as a file is over
 * its limit, or before anything is read when the declared length says so; `invalid_request`, naming the part, for a form that is
 * broken or cut, and for a part that is not expected or there twice; `request_timeout` and `client_closed` as `readBody` does;
 * `store_unavailable` when the disk cannot be written. However it ends, no file is left.
 */
export function readUpload(request: NodeRequest, limits: UploadLimits): Promise<Upload> {
  return new Promise((resolve, reject) => new UploadReader(request, limits, resolve, reject).start())
}

/** The part that is being read. */
interface Part {
  readonly head: PartHead
  readonly chunks: Buffer[]
  readonly file: UploadFile | undefined
  bytes: number
}

class UploadReader implements Receiver {
  readonly #request: NodeRequest
  readonly #limits: UploadLimits
  readonly #intake: Intake
  readonly #resolve: (upload: Upload) => void
  readonly #reject: (error: GatewayError) => void
  readonly #fields = new Map<string, string | readonly string[]>()
  readonly #files = new Map<string, FormFile>()
  readonly #written: UploadFile[] = []
  /** Parts that have begun and not ended. */
  readonly #open = new Set<Dicer.PartStream>()
  /** Chunks that the parser is done with, whose pieces may still wait for the disk. */
  #spent: Buffer[] = []
  #dicer: Dicer | undefined
  #bytes = 0
  #parts = 0
  /** The last byte of the body is here. */
  #arrived = false
  /** The last boundary was read. */
  #parsed = false

  constructor(
    request: NodeRequest,
    limits: UploadLimits,
    resolve: (upload: Upload) => void,
    reject: (error: GatewayError) => void,
  ) {
    this.#request = request
    this.#limits = limits
    this.#intake = new Intake(request, { bytes: this.#bodyLimit, idleMs: limits.idleMs }, this)
    this.#resolve = resolve
    this.#reject = reject
  }

  start(): void {
    if (!this.#intake.check()) return
    const { 'content-type': type = '', 'content-encoding': coding = '' } = this.#request.headers
    if (!/^multipart\/form-data\s*(?:;|$)/i.test(type))
      return this.#intake.refuse(fail('unsupported_media_type', 'the content type must be multipart/form-data'))
    if (coding !== '' && coding !== 'identity')
      return this.#intake.refuse(fail('unsupported_media_type', 'a form is taken uncompressed only'))
    const boundary = boundaryOf(type)
    if (boundary === undefined)
      return this.#intake.refuse(fail('invalid_request', 'the content type must name the boundary of the form'))
    this.#dicer = this.#parse(boundary)
    this.#intake.begin()
  }

  take(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#bodyLimit) return this.#intake.refuse(this.#intake.tooLarge())
    // What follows the last boundary says nothing.
    if (this.#parsed || this.#dicer === undefined) return
    if (!this.#dicer.write(chunk, () => this.#spent.push(chunk))) this.#intake.hold()
  }

  end(): void {
    this.#arrived = true
    if (!this.#parsed) this.#dicer?.end()
    void this.#finish()
  }

  fail(fault: GatewayError): void {
    void this.#dispose().then(() => this.#reject(fault))
  }

  get #bodyLimit(): number {
    return this.#limits.bytes * this.#limits.files.length + most.overheadBytes
  }

  #parse(boundary: string): Dicer {
    const dicer = new Dicer({ boundary, maxHeaderPairs: 16 })
    dicer.on('part', (stream) => this.#part(stream))
    dicer.on('drain', () => this.#goOn())
    dicer.on('error', (cause) => this.#intake.refuse(fail('invalid_request', 'the form is cut short', { cause })))
    dicer.on('finish', () => {
      this.#parsed = true
      void this.#finish()
    })
    return dicer
  }

  #part(stream: Dicer.PartStream): void {
    let part: Part | undefined
    this.#open.add(stream)
    stream.on('header', (raw) => {
      part = this.#attempt(() => this.#begin(raw as RawHead))
    })
    stream.on('data', (chunk) => this.#attempt(() => part && this.#fill(part, chunk as Buffer)))
    stream.on('end', () => {
      this.#attempt(() => this.#close(part))
      this.#open.delete(stream)
      void this.#finish()
    })
    // A part that is cut short is told by the whole.
    stream.on('error', () => undefined)
  }

  /** Does what may refuse the form, unless it is refused already. */
  #attempt<Result>(act: () => Result): Result | undefined {
    if (!this.#intake.open) return undefined
    try {
      return act()
    } catch (error) {
      this.#intake.refuse(asGatewayError(error))
      return undefined
    }
  }

  #begin(raw: RawHead): Part {
    const head = readPartHead(raw)
    if (++this.#parts > most.parts) throw fail('invalid_request', `the form has more than ${most.parts} parts`)
    if (!this.#limits.files.includes(head.name)) {
      if (head.fileName !== undefined) throw partFault(head.name, 'must not be a file')
      return { head, chunks: [], file: undefined, bytes: 0 }
    }
    if (this.#files.has(head.name)) throw partFault(head.name, 'may be there only once')
    const file = new UploadFile(this.#limits.folder, {
      flushed: () => this.#goOn(),
      failed: (error) => this.#intake.refuse(error),
    })
    this.#written.push(file)
    this.#files.set(head.name, uploaded(head, file))
    return { head, chunks: [], file, bytes: 0 }
  }

  #fill(part: Part, chunk: Buffer): void {
    part.bytes += chunk.length
    const limit = part.file === undefined ? most.fieldBytes : this.#limits.bytes
    if (part.bytes > limit) throw partFault(part.head.name, `is larger than ${limit} bytes`, 'payload_too_large')
    if (part.file === undefined) part.chunks.push(Buffer.from(chunk))
    else if (!part.file.write(chunk)) this.#intake.hold()
  }

  #close(part: Part | undefined): void {
    if (part === undefined) throw fail('invalid_request', 'a part of the form has no proper head')
    if (part.file !== undefined) return
    const { name } = part.head
    const value = this.#textOf(part)
    const key = name.replace(/\[\]$/, '')
    const before = this.#fields.get(key)
    if (before !== undefined) this.#fields.set(key, [...(typeof before === 'string' ? [before] : before), value])
    else this.#fields.set(key, key === name ? value : [value])
  }

  #textOf({ head, chunks }: Part): string {
    try {
      return decodeUtf8(Buffer.concat(chunks))
    } catch {
      throw partFault(head.name, 'is not valid UTF-8')
    }
  }

  /** Reads on, when neither the parser nor the disk has enough in hand. */
  #goOn(): void {
    if (!this.#intake.open || this.#written.some(({ pending }) => pending > 0)) return
    if ([...this.#open].every(({ readableLength }) => readableLength === 0)) this.#letGo()
    if (this.#dicer?.writableNeedDrain !== true) this.#intake.release()
  }

  /**
   * Gives back the memory of what is on the disk. Left to the garbage collector, which counts no bytes outside its heap before there
   * are many, it would grow with the file.
   */
  #letGo(): void {
    for (const { buffer, byteLength } of this.#spent) {
      if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
    }
    this.#spent = []
  }

  /** Gives the form, once all of it is here. */
  async #finish(): Promise<void> {
    if (!this.#intake.open || !this.#arrived || !this.#parsed || this.#open.size > 0) return
    try {
      for (const file of this.#written) await file.finish()
    } catch (error) {
      this.#intake.refuse(asGatewayError(error))
    }
    if (!this.#intake.finish()) return
    const dispose = (): Promise<void> => this.#dispose()
    this.#resolve({
      fields: this.#fields,
      files: this.#files,
      bytes: this.#bytes,
      [Symbol.asyncDispose]: dispose,
    })
  }

  async #dispose(): Promise<void> {
    for (const file of this.#written) await file[Symbol.asyncDispose]()
  }
}

function uploaded({ fileName = '', mediaType }: PartHead, file: UploadFile): FormFile {
  return {
    name: fileName,
    mediaType,
    get bytes() {
      return file.bytes
    },
    read: () => file.read(),
    stream: () => file.stream(),
  }
}
