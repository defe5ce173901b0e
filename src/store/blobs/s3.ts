import { fail, type GatewayError } from '../../error/index.ts'
import { type BlobStore, isBlobKey } from './contract.ts'
import { Measure } from './measure.ts'
import { type S3Place, S3Requests } from './s3-requests.ts'

/** Bytes of one part. All but the last have this size: some services insist that they are equal. */
const partBytes = 8 * 1024 * 1024

/** Most parts of one object, as the service has it. */
const mostParts = 10_000

/**
 * Blobs as objects of an S3-compatible service, addressed by path (https://docs.aws.amazon.com/AmazonS3/latest/API/). What fits into one
 * part goes as one request, all else part by part, with one of them in memory at a time. An upload that failed is taken back.
 */
export function s3Blobs(place: S3Place): BlobStore {
  const requests = new S3Requests(place)
  return {
    async put(key, bytes, { maxBytes }) {
      requireKey(key)
      const measure = new Measure(Math.min(maxBytes, partBytes * mostParts))
      await putObject(requests, key, measure.pass(bytes))
      return measure.result()
    },

    async *read(key, range) {
      requireKey(key)
      if (range !== undefined && range.end <= range.start) return
      const headers = range === undefined ? {} : { range: `bytes=${range.start}-${range.end - 1}` }
      yield* requests.download(key, headers)
    },

    async delete(key) {
      if (!isBlobKey(key)) return
      await requests.ask({ method: 'DELETE', key, good: [200, 204, 404] })
    },
  }
}

/** Makes an object of the bytes as they come, under a key that may stand in a URL. What fails leaves none. */
export async function putObject(requests: S3Requests, key: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const parts = inParts(bytes)[Symbol.asyncIterator]()
  try {
    const first = await parts.next()
    const body = first.value ?? Buffer.alloc(0)
    await (body.length < partBytes ? putWhole(requests, key, body) : putParts(requests, key, body, parts))
  } finally {
    await parts.return?.()
  }
}

async function putWhole(requests: S3Requests, key: string, body: Uint8Array): Promise<void> {
  try {
    await requests.ask({ method: 'PUT', key, body, good: [200] })
  } catch (error) {
    // It may have arrived nevertheless.
    await requests.ask({ method: 'DELETE', key, good: [200, 204, 404] }).catch(() => undefined)
    throw error
  }
}

async function putParts(
  requests: S3Requests,
  key: string,
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): Promise<void> {
  const begun = await requests.ask({ method: 'POST', key, query: { uploads: '' }, good: [200] })
  const uploadId = textIn(begun.text, 'UploadId')
  try {
    const etags: string[] = []
    const send = async (body: Uint8Array): Promise<void> => {
      const query = { partNumber: String(etags.length + 1), uploadId }
      const { header } = await requests.ask({ method: 'PUT', key, query, body, good: [200] })
      etags.push(header('etag') ?? '')
    }
    await send(first)
    for (let step = await rest.next(); step.done !== true; step = await rest.next()) await send(step.value)
    await complete(requests, key, uploadId, etags)
  } catch (error) {
    await requests.ask({ method: 'DELETE', key, query: { uploadId }, good: [204, 404] }).catch(() => undefined)
    await requests.ask({ method: 'DELETE', key, good: [200, 204, 404] }).catch(() => undefined)
    throw error
  }
}

/** Makes the parts one object. The service may say that it failed in an answer that began as a success. */
async function complete(requests: S3Requests, key: string, uploadId: string, etags: readonly string[]): Promise<void> {
  const parts = etags.map(
    (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escape(etag)}</ETag></Part>`,
  )
  const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`)
  // A second try would not find the upload that the first one completed.
  const { text } = await requests.ask({ method: 'POST', key, query: { uploadId }, body, good: [200], tries: 1 })
  if (!text.includes('<CompleteMultipartUploadResult')) throw refused('did not complete an upload')
}

/** The bytes in buffers of one size, and what is left in a last one. */
async function* inParts(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of bytes) {
    let rest = piece
    while (size + rest.length >= partBytes) {
      const missing = partBytes - size
      const part = Buffer.concat([...pieces, rest.subarray(0, missing)], partBytes)
      rest = rest.subarray(missing)
      pieces = []
      size = 0
      yield part
    }
    if (rest.length > 0) pieces.push(rest)
    size += rest.length
  }
  if (size > 0) yield Buffer.concat(pieces, size)
}

function textIn(xml: string, element: string): string {
  const [, text] = new RegExp(`<${element}>([^<]+)</${element}>`).exec(xml) ?? []
  if (text === undefined) throw refused('answered what cannot be read')
  return text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function refused(what: string): GatewayError {
  return fail('store_unavailable', `the store of files ${what}`)
}

function requireKey(key: string): void {
  if (!isBlobKey(key)) throw fail('not_found', 'there is no such file')
}
