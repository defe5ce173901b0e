import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FileRow } from '../store/contract.ts'

/** What links are made with. */
export interface MediaLinkOptions {
  /** Keys: the first one signs, and what any of them signed is genuine. */
  readonly keys: readonly [Buffer, ...Buffer[]]
  /** The base URL under which this gateway is reached, without a slash at its end. */
  readonly publicUrl?: string | undefined
  /** How long a link can be used. */
  readonly seconds: number
  readonly now?: () => number
}

/** The path under which files are served by link. */
export const mediaPath = '/media'

/**
 * Links to files that need no key and end by themselves: `/media/ID?expires=SECONDS&signature=HMAC`. Whoever has a link has the file, until
 * then; nobody makes one, or makes one last longer, without the key.
 */
export class MediaLinks {
  readonly #keys: MediaLinkOptions['keys']
  readonly #publicUrl: string | undefined
  readonly #seconds: number
  readonly #now: () => number

  constructor({ keys, publicUrl, seconds, now = Date.now }: MediaLinkOptions) {
    this.#keys = keys
    this.#publicUrl = publicUrl
    this.#seconds = seconds
    this.#now = now
  }

  /**
   * A link to a file, which ends with the file at the latest. Absolute by the public URL, else by `origin`, which is where the client that
   * asks found this gateway; without both a path.
   */
  urlOf({ id, expires: end = Infinity }: Pick<FileRow, 'id' | 'expires'>, origin?: string): string {
    const expires = String(Math.floor(Math.min(this.#now() + this.#seconds * 1000, end) / 1000))
    const query = new URLSearchParams({ expires, signature: sign(this.#keys[0], id, expires).toString('base64url') })
    return `${this.#publicUrl ?? origin ?? ''}${mediaPath}/${id}?${query.toString()}`
  }

  /** Whether a link to that file is one of ours, and not over. */
  isGood(id: string, query: URLSearchParams): boolean {
    const expires = query.get('expires') ?? ''
    const signature = Buffer.from(query.get('signature') ?? '', 'base64url')
    const genuine = this.#keys.filter((key) => {
      const due = sign(key, id, expires)
      return due.length === signature.length && timingSafeEqual(due, signature)
    })
    return genuine.length > 0 && this.#now() < Number(expires) * 1000
  }
}

function sign(key: Buffer, id: string, expires: string): Buffer {
  return createHmac('sha256', key).update(`${id}\n${expires}`).digest()
}
