import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { bodyBytes, type BodyKind, bodyKind, type CaseResponse, parseOrText } from './case.ts'

/** One request as it arrived at the replaying upstream. */
export interface Received {
  readonly method: string
  /** What follows the mount's base URL, with the query string. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** The parsed body; the text where it is not JSON. */
  readonly body: unknown
  readonly raw: string
}

/** One recording being served. */
interface Mount {
  /** To be given to a provider as its base URL, without a trailing slash. */
  readonly baseUrl: string
  /** What was asked so far, in order. */
  readonly received: readonly Received[]
}

/** A server that answers with recorded bytes. */
export interface Upstream {
  /** Serves a recording below a path of its own, in the pieces given. */
  mount(response: CaseResponse, pieces: readonly Buffer[]): Mount
  /** Where tokens are asked for; answered by `issue`. */
  readonly tokenUrl: string
  /** `127.0.0.1:port`: what must not appear in an answer to a client. */
  readonly authority: string
  close(): Promise<void>
}

interface Served {
  readonly response: CaseResponse
  readonly pieces: readonly Buffer[]
  readonly received: Received[]
}

/** Answers a request for a token, by its body. */
type Issue = (form: string) => { readonly status: number; readonly body: string }

/** Starts a replaying upstream on a free port of 127.0.0.1. */
export async function startUpstream(issue?: Issue): Promise<Upstream> {
  const mounts: Served[] = []
  const server = createServer((request, response) => {
    answer(mounts, issue, request, response).catch((error: unknown) => response.destroy(asError(error)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const authority = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    authority,
    tokenUrl: `http://${authority}/token`,
    mount(response, pieces) {
      const served: Served = { response, pieces, received: [] }
      mounts.push(served)
      return { baseUrl: `http://${authority}/case/${mounts.length - 1}`, received: served.received }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(
  mounts: readonly Served[],
  issue: Issue | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, number = '', path = ''] = /^\/case\/(\d+)(.*)$/.exec(request.url ?? '') ?? []
  const served = mounts[Number(number)]
  const raw = await readBody(request)
  if (request.url === '/token' && issue !== undefined) {
    const { status, body } = issue(raw)
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    return
  }
  if (number === '' || served === undefined) {
    response.writeHead(404).end('no recording here')
    return
  }
  served.received.push({
    method: request.method ?? '',
    path,
    headers: request.headers as Record<string, string>,
    body: parseOrText(raw),
    raw,
  })
  response.socket?.setNoDelay(true)
  response.writeHead(served.response.status, replayHeaders(served.response))
  for (const piece of served.pieces) {
    if (response.destroyed) return
    await new Promise((resolve) => response.write(piece, resolve))
    await setImmediate()
  }
  response.end()
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** Headers of one connection or one encoding, which a replay has its own of. */
const notReplayed = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What a body of a kind is, where no header was recorded that says so. */
const contentTypes: Partial<Record<BodyKind, string>> = {
  sse: 'text/event-stream',
  ndjson: 'application/x-ndjson',
  eventstream: 'application/vnd.amazon.eventstream',
}

/** The recorded headers that a replay sends. A success without a content type gets the one its body has. */
export function replayHeaders(response: CaseResponse): Record<string, string> {
  const kept = Object.entries(response.headers)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    // A recorder's stand-in for a value may be nothing that HTTP can carry.
    .filter(([name, value]) => !notReplayed.has(name) && /^[\t\x20-\x7e]*$/.test(value))
  const headers = Object.fromEntries(kept)
  if (response.status >= 300 || headers['content-type'] !== undefined) return headers
  return { ...headers, 'content-type': contentTypes[bodyKind(response)] ?? 'application/json' }
}

/** The whole answer in one piece. */
export function inOnePiece(response: CaseResponse): Buffer[] {
  return [bodyBytes(response)]
}

/** The answer in the chunks it was received in; undefined when that was not recorded. */
export function inRecordedPieces(response: CaseResponse): Buffer[] | undefined {
  return response.chunkSizes === undefined ? undefined : cut(bodyBytes(response), response.chunkSizes.values())
}

/**
 * The answer in small pieces of odd sizes (1 to 95 bytes), so that lines, JSON and characters break anywhere. Of what is
 * longer than a hundred thousand bytes, pictures mostly, the pieces are larger in proportion.
 */
export function inOddPieces(response: CaseResponse, seed: number): Buffer[] {
  const bytes = bodyBytes(response)
  return cut(bytes, oddSizes(seed, 48 * Math.ceil(bytes.length / 100_000)))
}

/** Odd numbers, all of them less than twice `half`. */
function* oddSizes(seed: number, half: number): Generator<number, never> {
  let state = seed >>> 0
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield 1 + 2 * ((state >>> 16) % half)
  }
}

/** Cuts bytes into pieces of the sizes given; what they leave over is the last piece. */
function cut(bytes: Buffer, sizes: Iterator<number>): Buffer[] {
  const pieces: Buffer[] = []
  let start = 0
  while (start < bytes.length) {
    const { value, done } = sizes.next()
    const end = done === true ? bytes.length : Math.min(start + Math.max(1, value), bytes.length)
    pieces.push(bytes.subarray(start, end))
    start = end
  }
  return pieces
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
