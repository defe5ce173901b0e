import type { WireCase } from '../case.ts'
import type { Received } from '../upstream.ts'
import { accessKeyId, isNamed } from '../vendor.ts'
import type { Line } from './probe.ts'

/** What is wrong with how a request arrived at the vendor: its path and query, beside the recorded ones, and its credential. */
export function arrivalProblems({ request }: WireCase, line: Line): string[] {
  const [arrived] = line.received
  if (arrived === undefined) return ['request: never reached the upstream']
  const recorded = request?.path ?? ''
  return [
    ...(recorded === '' ? [] : [...pathProblems(recorded, arrived.path), ...queryProblems(recorded, arrived.path)]),
    ...credentialProblems(arrived, line),
  ]
}

function pathProblems(recorded: string, arrived: string): string[] {
  const [expected, found] = [segmentsOf(recorded), segmentsOf(arrived)]
  const same = expected.length === found.length && expected.every((one, at) => !isNamed(one) || one === found[at])
  return same ? [] : [`request: path is ${arrived}, recorded ${recorded}`]
}

function segmentsOf(path: string): string[] {
  const segments = (path.split('?')[0] ?? '').split('/').map(decodeURIComponent)
  return segments.filter((segment) => segment !== '')
}

/**
 * What a client's own library adds to a query and no provider is shown: a key, a word for a beta, which its header says as well, and
 * another way to write the answer.
 */
const clientsOwn = new Set(['key', 'beta', '$alt', 'alt'])
/** What the gateway adds, whatever was recorded: how a stream is to be framed, and the version that a recorder left out. */
const gatewaysOwn = new Set(['alt', 'api-version'])

function queryProblems(recorded: string, arrived: string): string[] {
  const [expected, found] = [queryOf(recorded), queryOf(arrived)]
  const lost = [...expected].filter(([name, value]) => !clientsOwn.has(name) && found.get(name) !== value)
  const added = [...found.keys()].filter((name) => !expected.has(name) && !gatewaysOwn.has(name))
  const wrong = [...lost.map(([name]) => name), ...added]
  return wrong.map((name) => `request: ${name} in the query is ${found.get(name)}, recorded ${expected.get(name)}`)
}

function queryOf(path: string): URLSearchParams {
  return new URLSearchParams(path.split('?')[1] ?? '')
}

function credentialProblems({ headers }: Received, { vendor, credential }: Line): string[] {
  const { shows, settings } = vendor
  const authorization = headers['authorization'] ?? ''
  if (shows === 'signature') {
    const scope = `/${String(settings['region'])}/bedrock/aws4_request`
    const signed =
      authorization.startsWith(`AWS4-HMAC-SHA256 Credential=${accessKeyId}/`) && authorization.includes(scope)
    return signed ? [] : ['request: not signed with the access key']
  }
  const bearer = shows === 'bearer' || shows === 'token'
  const shown = bearer ? authorization === `Bearer ${credential}` : headers[shows] === credential
  return shown ? [] : ["request: not authorised with the provider's key"]
}
