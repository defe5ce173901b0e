import { asGatewayError, fail } from '../error/index.ts'
import { type Egress, requirePublicUrl } from '../provider/egress.ts'
import { putObject } from '../store/blobs/s3.ts'
import { type S3Place, S3Requests } from '../store/blobs/s3-requests.ts'
import type { Places } from './contract.ts'

/** What places are reached by. */
export interface PlacesOptions {
  readonly egress: Pick<Egress, 'sendGuarded'>
  /** The buckets that may be used, and the service that has them: none where undefined. */
  readonly s3?: { readonly place: Omit<S3Place, 'bucket' | 'prefix'>; readonly names: readonly string[] } | undefined
  /** Milliseconds that a server may be silent. */
  readonly silentMs: number
}

/** An object, or the beginning of names of objects. */
interface S3Url {
  readonly bucket: string
  readonly key: string
}

/**
 * Inputs by `https://` and `s3://`, and outputs by `s3://`. A client's URL goes through the guard, without any key of ours; a bucket is
 * only ever asked for at the configured service, and only when it is one of those that are allowed.
 */
export function places({ egress, s3, silentMs }: PlacesOptions): Places {
  const bucketOf = (url: string, param: string): S3Url => {
    const parsed = parseS3(url, param)
    if (s3?.names.includes(parsed.bucket) === true) return parsed
    throw fail('invalid_request', `${param}: this bucket cannot be used by batches`, { param })
  }
  const objectOf = (input: string): S3Url => {
    const found = bucketOf(input, 'input')
    // What a bucket answers where no object is named is a list of all that is in it.
    if (found.key === '') throw fail('invalid_request', 'input: must name an object of the bucket', { param: 'input' })
    return found
  }
  const requestsOf = (bucket: string): S3Requests => {
    if (s3 === undefined) throw fail('invalid_request', 'there are no buckets that batches can use')
    return new S3Requests({ ...s3.place, bucket, prefix: '' })
  }
  return {
    checkInput(input) {
      if (input.startsWith('s3://')) objectOf(input)
      else if (input.startsWith('https://')) requirePublicInput(input)
      else throw fail('invalid_request', 'input: must be a file, or begin with https:// or s3://', { param: 'input' })
    },
    checkOutput(prefix) {
      bucketOf(prefix, 'output_prefix')
    },
    async *read(input, signal) {
      this.checkInput(input)
      if (input.startsWith('s3://')) {
        const { bucket, key } = objectOf(input)
        yield* requestsOf(bucket).download(key, {})
      } else yield* download(egress, input, silentMs, signal)
    },
    async write(prefix, name, bytes) {
      const { bucket, key } = bucketOf(prefix, 'output_prefix')
      const folder = key === '' || key.endsWith('/') ? key : `${key}/`
      await putObject(requestsOf(bucket), folder + encodeURIComponent(name), bytes)
    },
  }
}

function requirePublicInput(input: string): void {
  try {
    requirePublicUrl(input)
  } catch (thrown) {
    const { reason, message, details } = asGatewayError(thrown)
    throw fail(reason, message, { ...details, param: 'input' })
  }
}

/** The parts of an `s3://` URL, the key ready to stand in a URL. No step of it may lead anywhere else. */
function parseS3(url: string, param: string): S3Url {
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]+)\/?(.*)$/s.exec(url) ?? []
  const steps = path.split('/')
  if (bucket === '' || steps.some((step) => step === '.' || step === '..') || !path.isWellFormed())
    throw fail('invalid_request', `${param}: must be like s3://bucket/name`, { param })
  return { bucket, key: steps.map(encodeURIComponent).join('/') }
}

async function* download(
  egress: PlacesOptions['egress'],
  url: string,
  silentMs: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const silence = new AbortController()
  const abort = (): void => silence.abort(fail('provider_unreachable', 'the server of the input is silent'))
  let timer = setTimeout(abort, silentMs)
  try {
    const response = await egress.sendGuarded({
      method: 'GET',
      url,
      headers: { accept: '*/*', 'accept-encoding': 'identity' },
      signal: AbortSignal.any([signal, silence.signal]),
    })
    if (response.status !== 200) throw refusal(response.status)
    for await (const piece of response.body) {
      // Whoever reads may take its time.
      clearTimeout(timer)
      yield piece
      timer = setTimeout(abort, silentMs)
    }
  } finally {
    clearTimeout(timer)
    // Of an answer that nobody reads, which may have no end, the connection would stay open.
    silence.abort()
  }
}

function refusal(status: number): Error {
  const message = `the server of the input answered ${status}`
  return status >= 500 || status === 429 ? fail('provider_unavailable', message) : fail('invalid_request', message)
}
