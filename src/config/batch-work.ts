import type { Principal } from '../core/contract.ts'
import type { ServerDialect } from '../dialects/contract.ts'
import { Batches } from '../jobs/batches.ts'
import type { BatchSettings, BatchWatch, FileKeeper, HeldLedger } from '../jobs/contract.ts'
import { places } from '../jobs/places.ts'
import type { Logger } from '../provider/contract.ts'
import type { Store } from '../store/contract.ts'
import { type BlobSources, openBatchBuckets } from './blobs.ts'
import type { Config } from './schema.ts'

/** What batches are worked on with, beside what the configuration says. */
export interface BatchSources extends BlobSources {
  readonly config: Config
  readonly store: Pick<Store, 'batches'>
  readonly files: FileKeeper
  readonly dialects: readonly ServerDialect[]
  /** What a key may do now, by its id. */
  readonly principalOf: (keyId: string) => Principal
  /** A ledger for one call; undefined where calls are not written down. */
  readonly hold: () => HeldLedger | undefined
  readonly log: Logger
  readonly watch?: BatchWatch
}

const dayMs = 86_400_000

/** Room in a line beside the body of its request, in bytes. */
const besideBody = 64 * 1024

/** Batches as the configuration describes them. Rejects with `invalid_request` when there is no key to their buckets. */
export async function batchesOf(sources: BatchSources): Promise<Batches> {
  const { config, store, egress, files, dialects, principalOf, hold, log, watch } = sources
  const s3 = await openBatchBuckets(sources)
  return new Batches({
    store: store.batches,
    files,
    places: places({ egress, s3, silentMs: config.timeouts.first_event }),
    dialects,
    principalOf,
    hold,
    settings: settingsOf(config),
    log,
    watch,
  })
}

function settingsOf({ batches, server }: Config): BatchSettings {
  return {
    lines: batches.concurrency,
    perBatch: batches.per_batch,
    perProvider: batches.per_provider,
    leaseMs: batches.lease,
    pollMs: batches.poll,
    windowMs: batches.window,
    keptMs: batches.kept_days === 0 ? Infinity : batches.kept_days * dayMs,
    mostLines: batches.max_lines,
    mostBytes: batches.max_bytes,
    mostLineBytes: server.body_limit_bytes + besideBody,
    tries: batches.tries,
    backOffMs: [batches.pause, batches.longest_pause],
  }
}
