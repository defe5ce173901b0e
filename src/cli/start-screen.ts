import type { RunningGateway } from '../gateway.ts'
import { version } from '../version.ts'

const mostProviders = 8

type ListedProvider = RunningGateway['providers'][number]

/** What a person sees once the gateway listens: where it is, who answers, and one command to try. Fits a screen of 24 lines. */
export function startScreen(gateway: RunningGateway): string {
  const { host, protocol } = new URL(gateway.url)
  const security = protocol === 'https:' ? 'TLS' : 'cleartext'
  const lines = [
    `switchyard ${version}`,
    '',
    `  HTTP       ${gateway.url}`,
    `  gRPC       ${host} (${security}; gRPC-Web and Connect too)`,
    `  Docs       ${gateway.url}/docs`,
    `  Metrics    ${gateway.url}/metrics`,
    ...providerLines(gateway.providers),
    `  Keys       ${gateway.keysRequired ? 'required' : 'not required'}`,
    ...trial(gateway),
    ...(gateway.firstKey === undefined
      ? []
      : ['', `The first key, which may do everything and is shown this once: ${gateway.firstKey}`]),
    ...(gateway.keysRequired
      ? []
      : ['', 'Warning: no keys are configured. Whoever can connect to this address can use every provider.']),
  ]
  return `${lines.join('\n')}\n`
}

function providerLines(providers: readonly ListedProvider[]): string[] {
  if (providers.length === 0) return ['  Providers  none']
  const shown = providers.slice(0, mostProviders)
  const width = Math.max(...shown.map(({ name }) => name.length))
  const rest = providers.length - shown.length
  const rows = shown.map(({ name, type }) => `${name.padEnd(width)}  ${type}`)
  if (rest > 0) rows.push(`and ${rest} more`)
  return rows.map((row, index) => `  ${index === 0 ? 'Providers' : '         '}  ${row}`)
}

/** A request that can be pasted into a shell: to the simulator, else to the first provider that lists a model. */
function trial({ url, keysRequired, providers }: RunningGateway): string[] {
  const model = trialModel(providers)
  if (model === undefined) return []
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] })
  return [
    '',
    'Try it:',
    `  curl '${url}/v1/chat/completions' \\`,
    ...(keysRequired ? ["    -H 'authorization: Bearer YOUR_KEY' \\"] : []),
    `    -H 'content-type: application/json' \\`,
    `    -d '${body}'`,
  ]
}

function trialModel(providers: readonly ListedProvider[]): string | undefined {
  const simulator = providers.find(({ type }) => type === 'simulator')
  if (simulator !== undefined) return `${simulator.name}/echo`
  const listing = providers.find(({ models }) => models.length > 0)
  return listing === undefined ? undefined : `${listing.name}/${listing.models[0]}`
}
