import type { OutgoingHttpHeaders } from 'node:http'
import { constants } from 'node:http2'
import type { FileContent } from '../dialects/surface.ts'
import { headerOf, isGone } from './reply.ts'
import type { NodeRequest, NodeResponse } from './guard.ts'
import { ResponseWriter } from './rpc-response.ts'

/** How a file is sent. */
export interface FileAnswerOptions {
  /** Milliseconds a client may leave what was written to it unread. */
  readonly writeMs: number
  /** Headers beside those that say what the file is. */
  readonly headers?: OutgoingHttpHeaders
}

/** A piece of a file that was asked for: bytes from `start` up to, and without, `end`. */
interface Span {
  readonly start: number
  readonly end: number
}

/**
 * Answers GET and HEAD with a file, or with the one range of it that was asked for (RFC 9110, 14). Throws what reading the file throws as
 * long as nothing was sent; what fails later cuts the connection, so that half a file never looks like all of it.
 */
export async function answerFile(
  request: NodeRequest,
  response: NodeResponse,
  file: FileContent,
  { writeMs, headers = {} }: FileAnswerOptions,
): Promise<void> {
  const common = { ...fileHeaders(file), ...headers, 'accept-ranges': 'bytes' }
  const span = request.method === 'GET' ? spanOf(request, file) : undefined
  if (span === 'none') {
    head(response, 416, { ...common, 'content-range': `bytes */${file.bytes}`, 'content-length': 0 })
    response.end()
    return
  }
  const { start, end } = span ?? { start: 0, end: file.bytes }
  const range = span === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${file.bytes}` }
  const parts = { ...common, ...range, 'content-length': end - start }
  const status = span === undefined ? 200 : 206
  if (request.method === 'HEAD') {
    head(response, status, parts)
    response.end()
    return
  }
  const pieces = file.read(span)[Symbol.asyncIterator]()
  try {
    const first = await pieces.next()
    head(response, status, parts)
    await send(response, end - start, pieces, first, writeMs)
  } finally {
    await pieces.return?.()
  }
}

async function send(
  response: NodeResponse,
  bytes: number,
  pieces: AsyncIterator<Uint8Array>,
  first: IteratorResult<Uint8Array>,
  writeMs: number,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  response.on('error', () => undefined)
  if (isGone(response)) return
  const writer = new ResponseWriter(response, gone.signal, writeMs)
  let missing = bytes
  try {
    for (let step = first; step.done !== true; step = await pieces.next()) {
      missing -= step.value.length
      const behind = writer.write(step.value)
      if (behind !== undefined) await behind
    }
    if (missing === 0) await writer.finish({})
    else cut(response)
  } catch {
    // The client is gone, or the rest of the file is: either way it gets no more.
    cut(response)
  }
}

function cut(response: NodeResponse): void {
  if ('stream' in response) response.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  else response.destroy()
}

/** The two kinds of response take these alike, but their overloads do not unite. */
function head(response: NodeResponse, status: number, headers: OutgoingHttpHeaders): void {
  ;(response as { writeHead(status: number, headers: OutgoingHttpHeaders): unknown }).writeHead(status, headers)
}

/** What a browser shows without running anything in it; all else it shall save. */
const shown =
  /^(?:image\/(?:png|jpeg|gif|webp|avif|bmp)|audio\/[\w.+-]+|video\/[\w.+-]+|text\/plain|application\/json)(?:;|$)/

/** What says what a file is, so that a browser neither guesses otherwise nor runs it. */
function fileHeaders({ mediaType, name, sha256 }: FileContent): OutgoingHttpHeaders {
  const how = shown.test(mediaType) ? 'inline' : 'attachment'
  return {
    'content-type': mediaType,
    'content-disposition': name === '' ? how : `${how}; filename*=UTF-8''${encoded(name)}`,
    'content-security-policy': 'sandbox',
    'x-content-type-options': 'nosniff',
    'cache-control': 'private, no-transform',
    etag: `"${sha256}"`,
  }
}

/** A file's name as RFC 8187 has it: what is no UTF-16 is replaced. */
function encoded(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replaceAll(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** The range that was asked for; undefined for all of the file, and `none` when it lies outside. Several at once are answered with all. */
function spanOf(request: NodeRequest, { bytes, sha256 }: FileContent): Span | 'none' | undefined {
  const asked = headerOf(request, 'range')
  const condition = headerOf(request, 'if-range')
  if (asked === undefined || (condition !== undefined && condition !== `"${sha256}"`)) return undefined
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(asked.replaceAll(' ', '')) ?? []
  if (from === '' && to === '') return undefined
  if (from === '') return to === '0' || bytes === 0 ? 'none' : { start: Math.max(0, bytes - Number(to)), end: bytes }
  const start = Number(from)
  const end = to === '' ? bytes : Math.min(bytes, Number(to) + 1)
  if (to !== '' && Number(to) < start) return undefined
  return start >= bytes ? 'none' : { start, end }
}
