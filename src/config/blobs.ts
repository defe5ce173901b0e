import { join } from 'node:path'
import { fail } from '../error/index.ts'
import type { Egress } from '../provider/egress.ts'
import { SecretFiles } from '../registry/files.ts'
import { isSet } from '../registry/variables.ts'
import type { BlobStore } from '../store/blobs/contract.ts'
import { openFolderBlobs } from '../store/blobs/folder.ts'
import { s3Blobs } from '../store/blobs/s3.ts'
import type { S3Credentials, S3Place } from '../store/blobs/s3-requests.ts'
import type { Environment } from './load.ts'
import type { Config } from './schema.ts'

/** What a place for files is made with. */
export interface BlobSources {
  readonly config: Pick<Config, 'media' | 'batches' | 'secrets' | 'data_dir'>
  readonly env: Environment
  readonly egress: Egress
}

/** How a service is reached that holds objects, and with which key. */
type S3Access = Omit<NonNullable<Config['media']['s3']>, 'bucket' | 'prefix'>

/**
 * The place for files that the configuration names. Rejects with `store_unavailable` when the folder cannot be written, with
 * `invalid_request` when there is no key to the bucket.
 */
export async function openBlobs(sources: BlobSources): Promise<BlobStore> {
  const { media, data_dir: dataDir } = sources.config
  if (media.store === 's3' && media.s3 !== undefined) return s3Blobs(await placeOf(media.s3, sources))
  return await openFolderBlobs(media.folder ?? join(dataDir, 'files'))
}

async function placeOf(s3: NonNullable<Config['media']['s3']>, sources: BlobSources): Promise<S3Place> {
  const { bucket, prefix } = s3
  return { ...(await serviceOf('media.s3', s3, sources)), bucket, prefix }
}

/** The buckets that batches may use; undefined where the configuration names none. Rejects as `openBlobs` does. */
export async function openBatchBuckets(sources: BlobSources): Promise<BatchBuckets | undefined> {
  const { s3 } = sources.config.batches
  if (s3 === undefined) return undefined
  return { place: await serviceOf('batches.s3', s3, sources), names: s3.buckets }
}

/** Buckets, and the service that has them. */
interface BatchBuckets {
  readonly place: Omit<S3Place, 'bucket' | 'prefix'>
  readonly names: readonly string[]
}

async function serviceOf(path: string, s3: S3Access, sources: BlobSources): Promise<BatchBuckets['place']> {
  const { endpoint, region } = s3
  const credentials = credentialsOf(path, s3, sources)
  // What is missing is told at the start, and not when the first file comes.
  await credentials()
  return { send: (request) => sources.egress.send(request), endpoint, region, credentials }
}

/**
 * The key to a bucket. Its variables need no leave by `secrets.allowed_env`: only the configuration can name them, and only it can say
 * where they are sent.
 */
function credentialsOf(path: string, s3: S3Access, { config, env }: BlobSources): () => Promise<S3Credentials> {
  const files = new SecretFiles(config.secrets.allowed_files)
  const fromVariable = (name: string): string => {
    const value = env[name]
    if (!isSet(value)) throw fail('invalid_request', `${path}: the environment variable ${name} is not set`)
    return value.trim()
  }
  return async () => {
    const { key_file: file, env_var: variable, session_token_env_var: tokenVariable } = s3
    const token = env[tokenVariable]
    return {
      accessKeyId: s3.access_key_id ?? fromVariable('AWS_ACCESS_KEY_ID'),
      secretAccessKey: file === undefined ? fromVariable(variable) : (await files.read(file)).reveal(),
      ...(isSet(token) && { sessionToken: token.trim() }),
    }
  }
}
