import type { TLSSocket } from 'node:tls'
import type { NodeRequest } from './guard.ts'

/**
 * Where a client found this gateway: the scheme of its connection, and the host it named, which the port has checked; undefined when that
 * cannot be a part of a URL. Behind a proxy that speaks TLS for the gateway only the configuration knows better.
 */
export function originOf(request: NodeRequest): string | undefined {
  const secure = 'stream' in request ? request.stream.session?.encrypted : (request.socket as TLSSocket).encrypted
  const host = request.headers[':authority'] ?? request.headers.host
  const origin = `${secure === true ? 'https' : 'http'}://${String(host)}`
  return host !== undefined && URL.canParse(origin) ? origin : undefined
}
