import { type Files, openFiles } from '../files/open.ts'
import type { Logger } from '../provider/contract.ts'
import { masterKeyVariable, type Sealer } from '../registry/seal.ts'
import type { Store } from '../store/contract.ts'
import { type BlobSources, openBlobs } from './blobs.ts'

/** What files are kept with, beside what the configuration says. */
export interface FileSources extends BlobSources {
  readonly store: Pick<Store, 'engine' | 'files'>
  /** With a master key, every replica makes and knows the same links. */
  readonly sealer: Sealer
  readonly log: Logger
}

const dayMs = 86_400_000

/** Opens the files that the configuration describes. Rejects as `openBlobs` and `openFiles` do. */
export async function filesOf(sources: FileSources): Promise<Files> {
  const { store, sealer, log, config } = sources
  warnOfReplicas(sources)
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

/** Replicas share a database, but not what is on the machine of each. */
function warnOfReplicas({ store, sealer, log, config: { media } }: FileSources): void {
  if (store.engine !== 'postgres') return
  if (media.store === 'folder' && media.folder === undefined)
    log.warn({}, 'files are kept on this machine alone: replicas need media.store: s3, or a shared media.folder')
  if (sealer.keyId === undefined)
    log.warn({}, `links to files are good at this replica alone: replicas need ${masterKeyVariable}`)
}
