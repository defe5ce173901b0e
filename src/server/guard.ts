import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Logger } from '../provider/contract.ts'
import { hostCheck, onlyHost, pathOf, sameHost } from './host.ts'

/** A request of either protocol version, as Node gives it. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

/** The answer to a {@link NodeRequest}. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/** What is behind the port. Called with requests whose host and target are sound. */
export type PortHandler = (request: NodeRequest, response: NodeResponse) => void

/** One handler per protocol version, each with the checks in front. */
export interface Guarded {
  readonly http1: (request: IncomingMessage, response: ServerResponse) => void
  readonly http2: (request: Http2ServerRequest, response: Http2ServerResponse) => void
}

/** The JSON body of an answer given below the dialects, before it is known which one the client speaks. */
export function plainError(message: string): string {
  return JSON.stringify({ error: { message } })
}

/**
 * Puts the checks of host and target in front of the handler: what fails them gets a 400, and over HTTP/1 the connection
 * is closed after it. What the handler itself throws becomes a 500 and is logged; nothing escapes to the process.
 */
export function guard(handler: PortHandler, log: Logger): Guarded {
  const isGoodHost = hostCheck()
  return {
    http1(request, response) {
      const fault = checkHttp1(request, isGoodHost)
      if (fault === undefined) run(handler, request, response, log)
      else refuse(request, response, fault)
    },
    http2(request, response) {
      const fault = checkHttp2(request, isGoodHost)
      if (fault === undefined) run(handler, request, response, log)
      else refuse(request, response, fault)
    },
  }
}

/** What is wrong with the request, or undefined. An absolute target is replaced by its path. */
function checkHttp1(request: IncomingMessage, isGoodHost: (host: string) => boolean): string | undefined {
  const host = onlyHost(request.rawHeaders)
  if (host === undefined) return 'a request must have exactly one Host header'
  if (!isGoodHost(host)) return 'the Host header is malformed'
  const path = pathOf(request.url ?? '', host)
  if (path === undefined) return 'the request target must be a path that begins with one slash'
  if (path !== request.url) request.url = path
  return undefined
}

function checkHttp2(request: Http2ServerRequest, isGoodHost: (host: string) => boolean): string | undefined {
  const { ':authority': authority, host } = request.headers
  const name = authority ?? host
  if (name === undefined || !isGoodHost(name)) return 'the :authority is missing or malformed'
  if (host !== undefined && !sameHost(name, host)) return ':authority and host name different hosts'
  if (pathOf(request.url, name) !== request.url) return 'the :path must begin with one slash'
  return undefined
}

function run(handler: PortHandler, request: NodeRequest, response: NodeResponse, log: Logger): void {
  try {
    handler(request, response)
  } catch (error) {
    log.error({ err: error }, 'a request handler threw')
    if (response.headersSent) response.destroy()
    else answer(response, 500, 'the gateway failed to process the request')
  }
}

/** The pause tells the port that the rest of the request is not wanted, so it closes the connection after the answer. */
function refuse(request: NodeRequest, response: NodeResponse, message: string): void {
  if ('stream' in request) return answer(response, 400, message)
  request.pause()
  answer(response, 400, message)
}

function answer(response: NodeResponse, status: number, message: string): void {
  const body = plainError(message)
  response.statusCode = status
  response.setHeader('content-type', 'application/json')
  response.setHeader('content-length', Buffer.byteLength(body))
  response.end(body)
}
