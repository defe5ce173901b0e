import { setTimeout as sleep } from 'node:timers/promises'
import type { FileContent } from '../dialects/surface.ts'
import { fail } from '../error/index.ts'
import type { Logger } from '../provider/contract.ts'
import type { MediaPublisher } from '../provider/media-link.ts'
import type { BlobStore } from '../store/blobs/contract.ts'
import type { FileStore } from '../store/contract.ts'
import { type OpenFile, Vault } from '../store/vault.ts'
import { ownLinkKey } from './keys.ts'
import { MediaLinks } from './links.ts'
import { mediaPublishers } from './publisher.ts'
import { startSweep } from './sweep.ts'

/** What files are kept with. */
export interface FilesOptions {
  readonly store: FileStore
  readonly blobs: BlobStore
  /** Most bytes of a file. */
  readonly maxBytes: number
  /** Milliseconds that a file is kept which says no other end; Infinity: for ever. */
  readonly keptMs: number
  /** Keys that sign links, the first of them; none: one of the gateway's own, in `folder`. */
  readonly linkKeys: readonly Buffer[]
  readonly folder: string
  readonly publicUrl?: string | undefined
  /** How long a link can be used. */
  readonly linkSeconds: number
  /** Bytes above which media of requests are sent to providers as links, where there is a public URL. */
  readonly inlineLimit: number
  readonly log: Logger
}

/** Files, and links to them. */
export interface Files {
  readonly vault: Vault
  readonly links: MediaLinks
  /** The file that a link leads to. Throws `not_found` for a link that is over or forged, and for one that leads nowhere. */
  linked(id: string, query: URLSearchParams): Promise<FileContent>
  /** What keeps large media of an account for its providers. Absent without a public URL, as they would not find the gateway. */
  readonly publisherOf?: (account: string) => MediaPublisher
  /** Ends the sweeping. */
  close(): Promise<void>
}

/** Time for a sweep that runs to come to its end, in milliseconds: a place that does not answer keeps nobody from stopping. */
const lastSweepMs = 2000

/** Opens what files are kept with, and sweeps from then on. Rejects with `store_unavailable` when the key for links cannot be kept. */
export async function openFiles(options: FilesOptions): Promise<Files> {
  const { store, blobs, maxBytes, keptMs, publicUrl, linkSeconds: seconds, inlineLimit, log } = options
  const vault = new Vault({ files: store, blobs, maxBytes, keptMs })
  const [first = await ownLinkKey(options.folder), ...others] = options.linkKeys
  const links = new MediaLinks({ keys: [first, ...others], publicUrl, seconds })
  const endSweep = startSweep({ vault, log })
  return {
    vault,
    links,
    ...(publicUrl !== undefined && {
      publisherOf: mediaPublishers({ vault, links, publicUrl, above: inlineLimit, linkSeconds: seconds }),
    }),
    async linked(id, query) {
      if (!links.isGood(id, query)) throw fail('not_found', 'the link leads to no file, or is over')
      return contentOf(await vault.open(id, 'all'))
    },
    close: () => Promise.race([endSweep(), sleep(lastSweepMs, undefined, { ref: false })]),
  }
}

/** A file as those see it who may have it. */
export function contentOf(opened: OpenFile): FileContent {
  const { name, mediaType, bytes, sha256 } = opened.file
  return { name, mediaType, bytes, sha256, read: (range) => opened.read(range) }
}
