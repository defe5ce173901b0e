import { BlockList, isIP } from 'node:net'
import { fail } from '../error/index.ts'

/** Where to listen. */
export interface Address {
  readonly host: string
  readonly port: number
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether only this machine can call what listens on a host. */
export function isLocal(host: string): boolean {
  const family = isIP(host)
  return host === 'localhost' || (family !== 0 && loopback.check(host, family === 4 ? 'ipv4' : 'ipv6'))
}

/** The URL of what listens there. */
export function urlOf({ host, port }: Address, tls: boolean): string {
  const name = isIP(host) === 6 ? `[${host}]` : host
  return `${tls ? 'https' : 'http'}://${name}:${port}`
}

/** Why an address cannot be listened on, in one line; what the system does not name so stays as it is. */
export function explainListen(error: unknown, { host, port }: Address): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return fail('conflict', `port ${port} on ${host} is in use`)
  if (code === 'EACCES') return fail('permission_denied', `port ${port} on ${host} may not be listened on by this user`)
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return fail('invalid_request', `${host} is not an address of this machine`)
  return error instanceof Error ? error : new Error(String(error))
}
