import type { Buffer } from 'node:buffer'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'
import { fail, GatewayError } from '../error/index.ts'
import { type Egress, nowherePublic, type UpstreamResponse } from './egress.ts'

/** What a URL led to. */
export interface Fetched {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** As the server said it; empty when it did not. */
  readonly contentType: string
  /** The last segment of the path that it came from in the end; may be empty. */
  readonly name: string
}

/** How one URL is read. */
export interface Fetching {
  /** What is asked for, as an `accept` header has it. */
  readonly accept: string
  /** Bytes at most, before and after they are unpacked. */
  readonly limit: number
  /** Is told of bytes as they come, and throws when there are too many of them in all. */
  readonly took: (bytes: number) => void
  readonly signal: AbortSignal
}

/** Redirects that are followed. Each is judged as the URL was. */
const mostRedirects = 3

const redirections: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/**
 * Reads what a URL of a client's leads to, through the guard. Throws `invalid_request`, in words that tell nothing of where it led:
 * when an address on the way is not public, the answer is no success or too large, or a redirect too many.
 */
export async function fetchUrl(egress: Egress, url: string, fetching: Fetching): Promise<Fetched> {
  const controller = new AbortController()
  const signal = AbortSignal.any([controller.signal, fetching.signal])
  const headers = { accept: fetching.accept, 'accept-encoding': 'identity', 'user-agent': 'switchyard' }
  try {
    let at = url
    for (let redirects = 0; ; redirects++) {
      const response = await egress.sendGuarded({ method: 'GET', url: at, headers, signal })
      const next = redirections.has(response.status) ? response.header('location') : undefined
      if (next === undefined) return await readAnswer(response, at, fetching)
      if (redirects === mostRedirects) throw refused(`it was redirected more than ${mostRedirects} times`)
      if (!URL.canParse(next, at)) throw refused('it was redirected to what is no URL')
      at = new URL(next, at).href
    }
  } catch (error) {
    throw fetching.signal.aborted ? fetching.signal.reason : explain(error)
  } finally {
    // What is left of an answer that is not read to its end is not waited for.
    controller.abort()
  }
}

async function readAnswer(response: UpstreamResponse, url: string, fetching: Fetching): Promise<Fetched> {
  const { status } = response
  if (status !== 200) throw refused(`its server answered ${status}`)
  const raw = await readBody(response, fetching)
  const bytes = await unpack(raw, response.header('content-encoding'), fetching)
  return { bytes, contentType: response.header('content-type') ?? '', name: nameOf(url) }
}

async function readBody(response: UpstreamResponse, { limit, took }: Fetching): Promise<Uint8Array<ArrayBuffer>> {
  if (Number(response.header('content-length') ?? 0) > limit) throw tooLarge(limit)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.length
    if (size > limit) throw tooLarge(limit)
    took(chunk.length)
    chunks.push(chunk)
  }
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

const unpackers = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
} as const

/** What a server packed although it was asked not to. It may grow up to the limit, and no further. */
async function unpack(
  bytes: Uint8Array<ArrayBuffer>,
  coding: string | undefined,
  { limit, took }: Fetching,
): Promise<Uint8Array<ArrayBuffer>> {
  const name = coding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity') return bytes
  if (!Object.hasOwn(unpackers, name)) throw refused('it is packed in a way that is not known')
  try {
    const unpacked = await unpackers[name as keyof typeof unpackers](bytes, { maxOutputLength: limit })
    took(Math.max(0, unpacked.length - bytes.length))
    return new Uint8Array(unpacked.buffer, unpacked.byteOffset, unpacked.byteLength)
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    const grew = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE'
    throw grew ? tooLarge(limit) : refused('it is packed, and cannot be unpacked', cause)
  }
}

function nameOf(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1) ?? ''
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}

/** A URL whose server cannot be reached is told like one that leads to no public address: which of the two it was is not theirs to know. */
function explain(error: unknown): unknown {
  if (!(error instanceof GatewayError)) return error
  switch (error.reason) {
    case 'provider_unreachable':
    case 'timeout':
      return fail('invalid_request', nowherePublic, { cause: error })
    case 'provider_interrupted':
      return refused("its server's answer broke off", error)
    default:
      return error
  }
}

function refused(why: string, cause?: unknown): GatewayError {
  return fail('invalid_request', `the URL cannot be fetched: ${why}`, { ...(cause !== undefined && { cause }) })
}

function tooLarge(limit: number): GatewayError {
  return refused(`it holds more than ${limit} bytes`)
}
