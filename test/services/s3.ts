import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A small S3: it keeps objects in memory, and believes no signature that it did not compute itself. */
export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  readonly objects: ReadonlyMap<string, Buffer>
  /** Uploads in parts that were neither completed nor taken back. */
  readonly uploads: ReadonlyMap<string, unknown>
  /** Method and query names of every request that was let in. */
  readonly asked: readonly string[]
  /** Answers the next requests of this method, in place of what they ask for. */
  failNext(method: string, times: number, status: number): void
}

/** Who may ask. */
export const s3Account = {
  accessKeyId: 'AKIATESTTESTTEST',
  secretAccessKey: 'the-secret-of-the-s3-test',
  region: 'eu-test-1',
  bucket: 'files',
} as const

interface Upload {
  readonly path: string
  readonly parts: Map<number, Buffer>
}

const smallestPart = 5 * 1024 * 1024

/** Starts one on a free port. */
export async function startS3(): Promise<S3Server> {
  const objects = new Map<string, Buffer>()
  const uploads = new Map<string, Upload>()
  const asked: string[] = []
  const failing: { method: string; status: number }[] = []
  const kept: Kept = { objects, uploads }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<unknown> => {
    const body = await bodyOf(request)
    const url = new URL(request.url ?? '', 'http://s3')
    const wrong = faultOf(request, url, body)
    if (wrong !== undefined) return refuse(response, 403, wrong)
    asked.push([request.method, ...[...url.searchParams.keys()].toSorted()].join(' '))
    const failure = failing.findIndex(({ method }) => method === request.method)
    if (failure < 0) return serve(kept, request, url, body, response)
    const [{ status } = { status: 500 }] = failing.splice(failure, 1)
    return refuse(response, status, 'InternalError')
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    objects,
    uploads,
    asked,
    failNext: (method, times, status) => failing.push(...Array.from({ length: times }, () => ({ method, status }))),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Kept {
  readonly objects: Map<string, Buffer>
  readonly uploads: Map<string, Upload>
}

function serve({ objects, uploads }: Kept, request: IncomingMessage, url: URL, body: Buffer, response: ServerResponse) {
  const path = url.pathname
  const uploadId = url.searchParams.get('uploadId')
  const upload = uploadId === null ? undefined : uploads.get(uploadId)
  if (uploadId !== null && upload?.path !== path) return refuse(response, 404, 'NoSuchUpload')
  const etag = `"${createHash('md5').update(body).digest('hex')}"`
  switch (`${request.method} ${[...url.searchParams.keys()].toSorted().join(' ')}`) {
    case 'PUT ':
      objects.set(path, body)
      return response.writeHead(200, { etag }).end()
    case 'PUT partNumber uploadId':
      upload?.parts.set(Number(url.searchParams.get('partNumber')), body)
      return response.writeHead(200, { etag }).end()
    case 'POST uploads': {
      const id = randomBytes(8).toString('base64')
      uploads.set(id, { path, parts: new Map() })
      return response.end(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`)
    }
    case 'POST uploadId':
      return complete({ objects, uploads }, path, uploadId ?? '', body, response)
    case 'DELETE uploadId':
      uploads.delete(uploadId ?? '')
      return response.writeHead(204).end()
    case 'DELETE ':
      objects.delete(path)
      return response.writeHead(204).end()
    case 'GET ':
      return get(objects.get(path), request.headers.range, response)
    default:
      return refuse(response, 501, 'NotImplemented')
  }
}

function complete({ objects, uploads }: Kept, path: string, id: string, body: Buffer, response: ServerResponse) {
  const parts = uploads.get(id)?.parts ?? new Map<number, Buffer>()
  const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]+)<\/ETag>/g)]
  const given = named.map(([, number]) => parts.get(Number(number)))
  const fits = named.every(([, number, tag], index) => {
    const part = parts.get(Number(number))
    if (part === undefined || (index < named.length - 1 && part.length < smallestPart)) return false
    return tag?.replaceAll('&quot;', '"') === `"${createHash('md5').update(part).digest('hex')}"`
  })
  // As the service does it: the failure comes in an answer that says 200.
  if (!fits || named.length !== parts.size) return response.end('<Error><Code>InvalidPart</Code></Error>')
  objects.set(path, Buffer.concat(given.filter((part) => part !== undefined)))
  uploads.delete(id)
  return response.end('<CompleteMultipartUploadResult></CompleteMultipartUploadResult>')
}

function get(object: Buffer | undefined, range: string | undefined, response: ServerResponse) {
  if (object === undefined) return refuse(response, 404, 'NoSuchKey')
  if (range === undefined) return response.end(object)
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? []
  return response.writeHead(206).end(object.subarray(Number(from), Number(to) + 1))
}

function refuse(response: ServerResponse, status: number, code: string) {
  return response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`)
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** What is wrong with the signature, computed again from the request as it arrived: Signature Version 4 in a header. */
function faultOf(request: IncomingMessage, url: URL, body: Buffer): string | undefined {
  const shape =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)$/
  const [, id, day = '', region, signed = '', signature] = shape.exec(request.headers.authorization ?? '') ?? []
  const time = String(request.headers['x-amz-date'])
  const payload = String(request.headers['x-amz-content-sha256'])
  if (id !== s3Account.accessKeyId || region !== s3Account.region || !time.startsWith(day)) return 'InvalidAccessKeyId'
  if (payload !== createHash('sha256').update(body).digest('hex')) return 'XAmzContentSHA256Mismatch'
  const names = signed.split(';')
  if (['host', 'x-amz-content-sha256', 'x-amz-date'].some((name) => !names.includes(name))) return 'AccessDenied'
  if (!url.pathname.startsWith(`/${s3Account.bucket}/`)) return 'NoSuchBucket'
  const strict = (text: string): string =>
    encodeURIComponent(text).replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
  const query = [...url.searchParams].map(([name, value]) => `${strict(name)}=${strict(value)}`).toSorted()
  const canonical = [
    request.method,
    url.pathname
      .split('/')
      .map((part) => strict(decodeURIComponent(part)))
      .join('/'),
    query.join('&'),
    ...names.map((name) => `${name}:${String(request.headers[name]).trim().replaceAll(/\s+/g, ' ')}`),
    '',
    signed,
    payload,
  ].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const text = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(canonical).digest('hex')].join('\n')
  const keyed = (key: string | Buffer, word: string): Buffer => createHmac('sha256', key).update(word).digest()
  const key = [region, 's3', 'aws4_request'].reduce(keyed, keyed(`AWS4${s3Account.secretAccessKey}`, day))
  return keyed(key, text).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch'
}
