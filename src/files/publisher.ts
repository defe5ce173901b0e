import { hash } from 'node:crypto'
import type { InlineMedia } from '../dialects/contract.ts'
import type { MediaPublisher } from '../provider/media-link.ts'
import type { FileRow } from '../store/contract.ts'
import type { Vault } from '../store/vault.ts'
import { type MediaLinks, mediaPath } from './links.ts'

/** What media are published with. */
export interface PublisherOptions {
  readonly vault: Pick<Vault, 'keep'>
  readonly links: MediaLinks
  /** The base URL under which this gateway is reached, without a slash at its end. */
  readonly publicUrl: string
  /** Bytes up to which media are sent as they are. */
  readonly above: number
  /** How long a link can be used. */
  readonly linkSeconds: number
  readonly now?: () => number
}

/** Files that are remembered at most, so that the same bytes are not kept twice. */
const mostRemembered = 1000

/**
 * Publishes media of requests for as long as a link can be used, each account's apart. A conversation brings the same pictures with each
 * turn: the same bytes are kept once, and again when their file has less than the life of a link before it.
 */
export function mediaPublishers(options: PublisherOptions): (account: string) => MediaPublisher {
  const { links, publicUrl, above, linkSeconds, now = Date.now } = options
  const kept = new Map<string, Promise<FileRow>>()
  const linkMs = linkSeconds * 1000
  const base = `${publicUrl}${mediaPath}/`
  const remember = (key: string, file: Promise<FileRow>): void => {
    const [oldest] = kept.keys()
    if (kept.size >= mostRemembered && oldest !== undefined) kept.delete(oldest)
    kept.set(key, file)
    // What could not be kept is tried again.
    file.catch(() => kept.get(key) === file && kept.delete(key))
  }
  return (account) => ({
    above,
    base,
    async publish(media) {
      const key = `${hash('sha256', media.data)} ${media.mediaType} ${account}`
      const before = kept.get(key)
      if (before !== undefined) {
        const known = await before.catch(() => undefined)
        if (known?.expires !== undefined && known.expires - now() >= linkMs) return links.urlOf(known)
      }
      const file = keep(options.vault, account, media, now() + 2 * linkMs)
      remember(key, file)
      return links.urlOf(await file)
    },
  })
}

function keep(vault: PublisherOptions['vault'], account: string, { data, mediaType }: InlineMedia, expires: number) {
  const purpose = mediaType.startsWith('image/') ? 'vision' : 'user_data'
  async function* bytes(): AsyncGenerator<Uint8Array, void, void> {
    yield data
  }
  return vault.keep(account, { name: '', purpose, mediaType, expires }, bytes())
}
