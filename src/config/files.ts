import { type Files, openFiles } from '../files/open.ts'
import type { Logger } from '../provider/contract.ts'
import type { Sealer } from '../registry/seal.ts'
import type { Store } from '../store/contract.ts'
import { type BlobSources, openBlobs } from './blobs.ts'

/** What files are kept with, beside what the configuration says. */
export interface FileSources extends BlobSources {
  readonly store: Pick<Store, 'files'>
  /** With a master key, every replica makes and knows the same links. */
  readonly sealer: Sealer
  readonly log: Logger
}

const dayMs = 86_400_000

/** Opens the files that the configuration describes. Rejects as `openBlobs` and `openFiles` do. */
export async function filesOf(sources: FileSources): Promise<Files> {
  const { store, sealer, log, config } = sources
  const { max_file_bytes: maxBytes, file_days: days, public_url: publicUrl, url_seconds: linkSeconds } = config.media
  const { inline_limit_bytes: inlineLimit } = config.media
  return await openFiles({
    store: store.files,
    blobs: await openBlobs(sources),
    maxBytes,
    keptMs: days === 0 ? Infinity : days * dayMs,
    linkKeys: sealer.derive('switchyard links to files'),
    folder: config.data_dir,
    publicUrl,
    linkSeconds,
    inlineLimit,
    log,
  })
}
