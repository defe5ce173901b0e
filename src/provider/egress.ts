import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { Agent, buildConnector, type Dispatcher, Pool } from 'undici'
import { fail } from '../error/index.ts'
import { Exchange, type Target, type UpstreamRequest, type UpstreamResponse } from './exchange.ts'

export type { UpstreamRequest, UpstreamResponse } from './exchange.ts'

/** The only way out of the gateway: HTTP over a pool of connections for each origin. */
export interface Egress {
  /** To a base URL that the operator configured: any address. Throws `provider_unreachable`, or `timeout` (connect). */
  send(request: UpstreamRequest): Promise<UpstreamResponse>
  /** To a URL that a client named: http and https, public addresses only, no redirects. Throws `invalid_request`. */
  sendGuarded(request: UpstreamRequest): Promise<UpstreamResponse>
  close(): Promise<void>
}

/** Resolves a host name to all its addresses; `dns.lookup` unless a test brings its own. */
export type Resolve = (
  host: string,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/** Makes what opens connections, from how they are to be opened; the sockets of the system unless a test brings its own. */
export type MakeConnector = (options: buildConnector.BuildOptions) => buildConnector.connector

/** What an egress stands on; the system's own unless a test brings another. */
export interface Network {
  readonly resolve?: Resolve
  readonly connector?: MakeConnector
}

/** What an egress can be told. */
export interface EgressOptions extends Network {
  /** Milliseconds a connection may take to come about, TLS included. */
  readonly connectTimeoutMs: number
}

/** Opens the way out. Connections are made as they are needed, and kept for reuse. */
export function createEgress({
  connectTimeoutMs,
  resolve = resolveAll,
  connector = buildConnector,
}: EgressOptions): Egress {
  const opened = { timeout: connectTimeoutMs, keepAlive: true, allowH2: false }
  const pool = { pipelining: 1, keepAliveTimeout: 10_000, allowH2: false }
  const connect = connector(opened)
  const pools = new Map<string, Dispatcher>()
  const targets = new Map<string, Target>()
  const guarded = new Agent({ ...pool, connect: connector({ ...opened, lookup: guardedLookup(resolve) }) })
  return {
    send(request) {
      const target = targets.get(request.url) ?? remember(targets, request.url)
      const known = pools.get(target.origin)
      if (known !== undefined) return new Exchange(known, target, request).head
      const made = new Pool(target.origin, { ...pool, connect })
      pools.set(target.origin, made)
      return new Exchange(made, target, request).head
    },
    async sendGuarded(request) {
      requirePublicUrl(request.url)
      return new Exchange(guarded, targetOf(request.url), request).head
    },
    async close() {
      await Promise.all([...pools.values(), guarded].map((dispatcher) => dispatcher.destroy()))
    },
  }
}

/** Where a URL leads. */
function targetOf(url: string): Target {
  const { origin, pathname, search } = new URL(url)
  return { origin, path: pathname + search }
}

const mostTargets = 1000

/** Operators configure few URLs, and each is called often: they are taken apart once. */
function remember(targets: Map<string, Target>, url: string): Target {
  const target = targetOf(url)
  if (targets.size < mostTargets) targets.set(url, target)
  return target
}

const resolveAll: Resolve = (host, done) => systemLookup(host, { all: true }, done)

/** Looks public, and leads to the platform services of a cloud from any machine in it. */
const platformServices = '168.63.129.16'

/**
 * True for an address of the public internet: no loopback, private, link-local, carrier, multicast, tunnel or reserved one, and
 * none in an unusual spelling. Of IPv6, only what is assigned for global use (2000::/3) is public.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast' || parsed.toString() === platformServices) return false
  const [first = 0] = parsed.toByteArray()
  return parsed.kind() === 'ipv4' || first >> 5 === 1
}

/** Throws `invalid_request` for a URL that is not public, as far as can be seen; names are judged when they are resolved, at the socket. */
export function requirePublicUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw fail('invalid_request', 'only http and https URLs can be fetched')
  }
  if (parsed.username !== '' || parsed.password !== '')
    throw fail('invalid_request', 'a URL with a user name cannot be fetched')
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw notPublic()
}

/** A socket's own lookup that fails unless every address of the name is public, so that no second lookup can differ. */
function guardedLookup(resolve: Resolve): LookupFunction {
  return (host, options, done) => {
    resolve(host, (error, addresses) => {
      if (error !== null) return done(error, '', 0)
      const [first] = addresses
      if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address)))
        return done(notPublic(), '', 0)
      if (options.all === true) return done(null, addresses)
      return done(null, first.address, first.family)
    })
  }
}

/** What is said of a URL that leads into a private network, or nowhere: to tell the two apart would be to map that network. */
export const nowherePublic = 'the URL leads to no public address that answers'

function notPublic(): Error {
  return fail('invalid_request', nowherePublic)
}
