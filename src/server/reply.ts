import type { OutgoingHttpHeaders } from 'node:http'
import { constants } from 'node:http2'
import type { ServerDialect } from '../dialects/contract.ts'
import type { Payload, Served } from '../dialects/operation.ts'
import type { GatewayError } from '../error/index.ts'
import type { GivenAnswer } from '../idempotency/once.ts'
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

/** A whole answer, as it is to be written: its head, but for what is about who may read it, and its body. */
export interface WholeReply {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Uint8Array
}

/** Answers one request in one dialect: the headers every answer has, and errors in the dialect's own shape. */
export class Reply {
  readonly #request: NodeRequest
  readonly #response: NodeResponse
  readonly #dialect: ServerDialect
  readonly #requestId: string
  readonly #cors: Readonly<Record<string, string>>
  /** Who was asked, for the head of an error. */
  asked: Served | undefined

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
    return { ...this.#headers({}), ...this.#cors }
  }

  /** A whole answer, written. */
  send({ status, headers, body }: WholeReply): void {
    this.#write(status, headers)
    this.#response.end(body)
  }

  /** An answer that was given before, under the id that it had then. */
  again({ status, headers, body }: GivenAnswer): void {
    if (!this.open) return
    this.send({ status, headers: { ...headers, 'content-length': body.length, 'idempotent-replayed': 'true' }, body })
  }

  /** A whole JSON answer, as it is to be written. */
  json(
    status: number,
    text: string,
    served?: Served,
    dropped: readonly string[] = [],
    more: OutgoingHttpHeaders = {},
  ): WholeReply {
    // As bytes: a string would be joined with the head and encoded again, which costs more than writing both.
    const body = Buffer.from(text)
    const head = { 'content-type': 'application/json', 'content-length': body.length }
    return { status, headers: this.#headers({ ...head, ...droppedPart(dropped), ...more }, served), body }
  }

  /** A whole answer that is not JSON, as it is to be written. */
  payload({ body, contentType }: Payload, served?: Served, dropped: readonly string[] = []): WholeReply {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const head = { 'content-type': contentType, 'content-length': bytes.length, 'x-content-type-options': 'nosniff' }
    return { status: 200, headers: this.#headers({ ...head, ...droppedPart(dropped) }, served), body: bytes }
  }

  /** Writes the head of an event stream, and gives it. */
  stream(
    served: Served,
    dropped: readonly string[],
    contentType = 'text/event-stream; charset=utf-8',
  ): OutgoingHttpHeaders {
    const type = {
      'content-type': contentType,
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    }
    const headers = this.#headers({ ...type, ...droppedPart(dropped) }, served)
    this.#write(200, headers)
    return headers
  }

  /** An error in the dialect's shape. A client that is gone gets nothing; one whose body was not read loses its connection. */
  fail(error: GatewayError, more: OutgoingHttpHeaders = {}): void {
    if (!this.open) return
    const status = this.#dialect.errorStatus?.(error) ?? error.status
    const body = this.#dialect.errorBody(error, this.#requestId)
    // Whoever has asked too often is told when to come again, also where no provider said.
    const soonest = status === 429 && error.retryable ? 1 : undefined
    const { retryAfterSeconds = soonest } = error.details
    const unread = this.#unread
    // The port sees the pause, and lets a client that is still sending read the answer before it closes.
    if (unread) this.#request.pause()
    const head = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
      ...(!error.retryable && { 'x-should-retry': 'false' }),
      ...(unread && { connection: 'close' }),
      ...more,
    }
    const headers = this.#headers(head, this.asked)
    this.#write(status, headers)
    this.#response.end(body)
  }

  /** HTTP/1 can only go on after a body that was read to its end. */
  get #unread(): boolean {
    const { httpVersionMajor, complete, headers } = this.#request
    if (httpVersionMajor !== 1 || complete) return false
    return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  }

  /** All that the answer itself says in its head. */
  #headers(headers: OutgoingHttpHeaders, served?: Served): OutgoingHttpHeaders {
    return { 'x-request-id': this.#requestId, ...headers, ...this.#dialect.headers?.(this.#requestId, served) }
  }

  #write(status: number, headers: OutgoingHttpHeaders): void {
    // Both kinds of response take these, but their overloads do not unite.
    ;(this.#response as { writeHead(status: number, headers: OutgoingHttpHeaders): unknown }).writeHead(status, {
      ...headers,
      ...this.#cors,
    })
  }
}

function droppedPart(dropped: readonly string[]): OutgoingHttpHeaders {
  return dropped.length === 0 ? {} : { 'x-switchyard-dropped': droppedHeader(dropped) }
}
