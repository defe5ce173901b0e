import type { OutgoingHttpHeaders } from 'node:http'
import { constants } from 'node:http2'
import type { ServerDialect } from '../dialects/contract.ts'
import type { Payload, Served } from '../dialects/operation.ts'
import type { GatewayError } from '../error/index.ts'
import type { NodeRequest, NodeResponse } from './guard.ts'

/** The value of a header, sent twice or not; undefined when absent. */
export function headerOf(request: NodeRequest, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** The caller's key: `Authorization: Bearer KEY`, or `x-api-key: KEY`, or where else the dialect's clients put it. */
export function tokenOf(request: NodeRequest, dialect?: ServerDialect): string | undefined {
  const { authorization } = request.headers
  if (authorization !== undefined && /^bearer /i.test(authorization)) return authorization.slice(7).trim()
  return headerOf(request, 'x-api-key') ?? dialect?.token?.((name) => headerOf(request, name), queryOf(request))
}

/** True when nothing can be written any more: the connection is gone, or over HTTP/2 the stream. */
export function isGone(response: NodeResponse): boolean {
  return 'stream' in response ? response.stream.destroyed : response.destroyed
}

/** Ends an answer that is not complete, so that no client takes it for one: by its connection, or over HTTP/2 by its stream alone. */
export function cutOff(response: NodeResponse): void {
  if ('stream' in response) response.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  else response.destroy()
}

/** The query of a request's target. */
export function queryOf(request: NodeRequest): URLSearchParams {
  const url = request.url ?? ''
  const query = url.indexOf('?')
  return new URLSearchParams(query < 0 ? '' : url.slice(query + 1))
}

const headerLength = 4096

/** Field paths as one header value: what a header cannot carry becomes `?`, and a very long list is cut at a comma. */
export function droppedHeader(paths: readonly string[]): string {
  const value = paths.map((path) => path.replaceAll(/[^\x21-\x7e]|,/g, '?')).join(', ')
  return value.length <= headerLength ? value : value.slice(0, value.lastIndexOf(',', headerLength))
}

/** Answers one request in one dialect: the headers every answer has, and errors in the dialect's own shape. */
export class Reply {
  readonly #request: NodeRequest
  readonly #response: NodeResponse
  readonly #dialect: ServerDialect
  readonly #requestId: string
  readonly #cors: Readonly<Record<string, string>>

  constructor(
    request: NodeRequest,
    response: NodeResponse,
    dialect: ServerDialect,
    requestId: string,
    cors: Readonly<Record<string, string>>,
  ) {
    this.#request = request
    this.#response = response
    this.#dialect = dialect
    this.#requestId = requestId
    this.#cors = cors
  }

  /** True while the client is there to be answered. */
  get open(): boolean {
    return !isGone(this.#response) && !this.#response.writableEnded
  }

  /** The headers every answer has. */
  get headers(): OutgoingHttpHeaders {
    return { 'x-request-id': this.#requestId, ...this.#dialect.headers?.(this.#requestId), ...this.#cors }
  }

  /** A whole JSON answer. */
  json(
    status: number,
    body: string,
    served?: Served,
    dropped: readonly string[] = [],
    more: OutgoingHttpHeaders = {},
  ): void {
    // As bytes: a string would be joined with the head and encoded again, which costs more than writing both.
    const bytes = Buffer.from(body)
    this.#head(
      status,
      { 'content-type': 'application/json', 'content-length': bytes.length, ...droppedPart(dropped), ...more },
      served,
    )
    this.#response.end(bytes)
  }

  /** A whole answer that is not JSON. */
  payload({ body, contentType }: Payload, served?: Served, dropped: readonly string[] = []): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const head = { 'content-type': contentType, 'content-length': bytes.length, 'x-content-type-options': 'nosniff' }
    this.#head(200, { ...head, ...droppedPart(dropped) }, served)
    this.#response.end(bytes)
  }

  /** The head of an event stream. */
  stream(served: Served, dropped: readonly string[], contentType = 'text/event-stream; charset=utf-8'): void {
    const type = {
      'content-type': contentType,
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    }
    this.#head(200, { ...type, ...droppedPart(dropped) }, served)
  }

  /** An error in the dialect's shape. A client that is gone gets nothing; one whose body was not read loses its connection. */
  fail(error: GatewayError, more: OutgoingHttpHeaders = {}): void {
    if (!this.open) return
    const status = this.#dialect.errorStatus?.(error) ?? error.status
    const body = this.#dialect.errorBody(error, this.#requestId)
    const { retryAfterSeconds } = error.details
    const unread = this.#unread
    // The port sees the pause, and lets a client that is still sending read the answer before it closes.
    if (unread) this.#request.pause()
    this.#head(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
      ...(!error.retryable && { 'x-should-retry': 'false' }),
      ...(unread && { connection: 'close' }),
      ...more,
    })
    this.#response.end(body)
  }

  /** HTTP/1 can only go on after a body that was read to its end. */
  get #unread(): boolean {
    const { httpVersionMajor, complete, headers } = this.#request
    if (httpVersionMajor !== 1 || complete) return false
    return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  }

  #head(status: number, headers: OutgoingHttpHeaders, served?: Served): void {
    const own = this.#dialect.headers?.(this.#requestId, served)
    // Both kinds of response take these, but their overloads do not unite.
    ;(this.#response as { writeHead(status: number, headers: OutgoingHttpHeaders): unknown }).writeHead(status, {
      'x-request-id': this.#requestId,
      ...headers,
      ...own,
      ...this.#cors,
    })
  }
}

function droppedPart(dropped: readonly string[]): OutgoingHttpHeaders {
  return dropped.length === 0 ? {} : { 'x-switchyard-dropped': droppedHeader(dropped) }
}
