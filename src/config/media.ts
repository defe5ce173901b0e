import { z } from 'zod'
import { isBaseUrl } from '../registry/spec.ts'
import { duration } from './duration.ts'
import { section, text, wholeNumber } from './section.ts'

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
  error: 'must be the name of an environment variable, not what it holds',
})

function baseUrl() {
  return z
    .string()
    .refine(isBaseUrl, { error: 'must be an http or https URL without user, password, query or fragment' })
    .transform((url) => url.replace(/\/+$/, ''))
}

/** How an S3-compatible service is reached, whatever the bucket. */
export const s3Access = {
  endpoint: baseUrl().describe('URL of the S3-compatible service, without the bucket. Objects are addressed by path.'),
  region: z
    .string()
    .regex(/^[a-z0-9-]+$/, { error: 'must be the name of a region, such as eu-central-1' })
    .default('us-east-1')
    .describe('Region to sign for.'),
  access_key_id: text().optional().describe('Id of the access key. Default: what AWS_ACCESS_KEY_ID holds.'),
  env_var: variableName
    .default('AWS_SECRET_ACCESS_KEY')
    .describe('Environment variable that holds the secret access key.'),
  key_file: text()
    .optional()
    .describe(
      'File that holds the secret access key, read again for each request; instead of env_var. See secrets.allowed_files.',
    ),
  session_token_env_var: variableName
    .default('AWS_SESSION_TOKEN')
    .describe('Environment variable that holds the session token, where the access key is a temporary one.'),
}

const { endpoint, region, ...keys } = s3Access
const s3Schema = section({
  endpoint,
  region,
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, { error: 'must be the name of a bucket' })
    .describe('Bucket that holds the files.'),
  prefix: z
    .string()
    .regex(/^([A-Za-z0-9_-][A-Za-z0-9._-]*\/)*$/, { error: 'must be empty, or names that each end in "/"' })
    .default('')
    .describe('What the names of objects begin with, such as "switchyard/".'),
  ...keys,
})

/** The section `media`: where files are kept, for how long, how they are reached from outside, and what is fetched for requests. */
export const mediaSchema = section({
  store: z.enum(['folder', 's3']).default('folder').describe('Where the bytes of files are: a folder, or a bucket.'),
  folder: text()
    .optional()
    .describe('Folder for files, where store is folder; shared by all replicas. Default: files, in data_dir.'),
  s3: s3Schema.optional().describe('The bucket for files, where store is s3.'),
  public_url: baseUrl()
    .optional()
    .describe(
      'Where clients and providers reach this gateway, for links to files. Without it, links name the host that the client used.',
    ),
  inline_limit_bytes: wholeNumber(0, 1024 ** 3)
    .default(1024 * 1024)
    .describe(
      'Inline media larger than this are kept once and sent to providers as a link, where they take one and public_url is set.',
    ),
  url_seconds: wholeNumber(1, 7 * 86_400)
    .default(3600)
    .describe('Seconds that a link to a file can be used.'),
  max_file_bytes: wholeNumber(1, 5 * 1024 ** 4)
    .default(512 * 1024 * 1024)
    .describe('Largest file taken, in bytes; a larger one is answered with 413.'),
  file_days: wholeNumber(0, 36_500)
    .default(30)
    .describe('Days that a file is kept whose upload named no other end. 0: for ever.'),
  fetch_limit_bytes: wholeNumber(1024, 512 * 1024 * 1024)
    .default(20 * 1024 * 1024)
    .describe('Largest file fetched from a URL in a request, in bytes. Only what a provider does not read itself is.'),
  fetch_total_bytes: wholeNumber(1024, 1024 ** 3)
    .default(50 * 1024 * 1024)
    .describe('Most bytes fetched for one request, all its URLs together.'),
  fetch_held_bytes: wholeNumber(1024, 1024 ** 4)
    .default(512 * 1024 * 1024)
    .describe('Most bytes fetched for all requests at once; a request that would need more is answered with 503.'),
  fetch_count: wholeNumber(0, 1000).default(32).describe('Most URLs fetched for one request; 0: none is ever fetched.'),
  fetch_timeout: duration().prefault('15s').describe('For all URLs of one request to be fetched.'),
}).superRefine(({ store, s3, folder }, context) => {
  if (store === 's3' && s3 === undefined)
    context.addIssue({ code: 'custom', path: ['s3'], message: 'is needed, since media.store is s3' })
  if (store === 's3' && folder !== undefined)
    context.addIssue({ code: 'custom', path: ['folder'], message: 'has no meaning, since media.store is s3' })
})
