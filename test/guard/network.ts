import type { LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { buildConnector } from 'undici'
import type { Network } from '../../src/provider/egress.ts'

/** A network in which names lead where a test says, and every address that is dialled is written down. */
export interface FakeNetwork extends Network {
  /** Addresses with their ports, in the order they were dialled. */
  readonly dialled: string[]
  /** Names that were asked for. */
  readonly asked: string[]
}

/** Where names lead: the addresses of a name, or one list of them for each time it is asked for; the last one stays. */
export type Names = Readonly<Record<string, readonly string[] | readonly (readonly string[])[]>>

/**
 * Opens connections as sockets of Node do: an address is dialled, a name is looked up by the lookup the connector was made with, and the
 * first of its addresses is dialled. Whatever was dialled leads to a port of this machine, which `port` gives for an address as `dialled` has
 * it, or nowhere.
 */
export function fakeNetwork(names: Names, port?: (dialled: string) => number): FakeNetwork {
  const dialled: string[] = []
  const asked: string[] = []
  const resolve: Network['resolve'] = (host, done) => {
    const before = asked.filter((name) => name === host).length
    asked.push(host)
    const found = names[host] ?? []
    const [first] = found
    const turn =
      typeof first === 'object' ? (found as string[][])[Math.min(before, found.length - 1)] : (found as string[])
    if (turn === undefined || turn.length === 0) done(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), [])
    else done(null, turn.map(addressOf))
  }
  const connector: Network['connector'] = (how) => {
    const real = buildConnector({ ...how, lookup: undefined })
    return (options, callback) => {
      const dial = (address: string): void => {
        const target = `${address}:${options.port || (options.protocol === 'https:' ? 443 : 80)}`
        dialled.push(target)
        if (port === undefined) return callback(new Error('nobody is there'), null)
        real(
          { ...options, protocol: 'http:', hostname: '127.0.0.1', host: '127.0.0.1', port: String(port(target)) },
          callback,
        )
      }
      const { hostname } = options
      const lookup = 'lookup' in how && how.lookup !== undefined ? how.lookup : undefined
      if (isIP(hostname) !== 0) dial(hostname)
      else if (lookup === undefined)
        resolve(hostname, (error, [first]) => (first ? dial(first.address) : callback(error ?? new Error('no'), null)))
      else
        lookup(hostname, { all: true }, (error, found) => {
          const [first] = Array.isArray(found) ? found : []
          if (error !== null || first === undefined) callback(error ?? new Error('no address'), null)
          else dial(first.address)
        })
    }
  }
  return { resolve, connector, dialled, asked }
}

function addressOf(address: string): LookupAddress {
  return { address, family: address.includes(':') ? 6 : 4 }
}
