import type { LoadedPlugins } from '../../src/provider/load.ts'
import { asText, type WireCase } from './case.ts'
import { endpointOf } from './endpoints/index.ts'
import { countFormatOf, formatOf, type WireFormat } from './format.ts'

/** A provider of the vendor that a recording is of. */
export interface VendorProvider {
  /** The plugin's. */
  readonly type: string
  readonly settings: Readonly<Record<string, unknown>>
  /** What stands before the endpoint's path: of the plugin's own address where that leads to what was recorded. */
  readonly basePath: string
  /** How the credential is shown to the vendor. */
  readonly shows: 'bearer' | 'x-api-key' | 'x-goog-api-key' | 'api-key' | 'signature' | 'token'
}

/** The endpoint that each format's chats are at, where the model is not in the path. */
const endpoints: Readonly<Partial<Record<WireFormat, string>>> = {
  completions: '/chat/completions',
  responses: '/responses',
  anthropic: '/v1/messages',
  cohere: '/v2/chat',
  ollama: '/api/chat',
}

/** The access key that a vendor who wants requests signed knows ours by. */
export const accessKeyId = 'AKIDWIRESUITE'

/** A version of the dated API, for recordings that left theirs out. */
const anyVersion = '2024-10-21'

/**
 * The plugin of the vendor that answered, with the settings that lead to the endpoint that was asked: by the path where it tells, else
 * by the host, else, where none was recorded, by the folder's name, which begins with the vendor's. A vendor without a plugin, or a
 * format that its plugin does not speak, is asked through the plugin of the format, at another address.
 */
export function providerOf(wireCase: WireCase, plugins: LoadedPlugins): VendorProvider {
  const other = endpointOf(wireCase)
  const own = other?.provider?.(wireCase)
  if (own !== undefined) return own
  const format = formatOf(wireCase) ?? countFormatOf(wireCase) ?? 'completions'
  const [asked = '', query = ''] = (wireCase.request?.path ?? '').split('?')
  const path = asked.replace(/^\/+/, '/')
  return (
    onVertex(path) ??
    onAzure(wireCase, format, path, new URLSearchParams(query)) ??
    (format === 'completions' ? compatible(wireCase, path, plugins, other?.below) : native(wireCase, format, path))
  )
}

/** False for a segment of a path from which a recorder took the name: `REDACTED`, `REGION`, `<GOOGLE_CLOUD_PROJECT>`. */
export function isNamed(segment: string): boolean {
  return !/^(?:[A-Z_]+|<.*>|\{.*\})$/.test(segment)
}

function onVertex(path: string): VendorProvider | undefined {
  const found = /^\/(v1|v1beta1)\/projects\/([^/]+)\/locations\/([^/]+)\/publishers\//.exec(path)
  if (found === null) return undefined
  const [, version = '', project = '', location = ''] = found
  const settings = {
    api_version: version,
    project: /^[a-z0-9:.-]+$/.test(project) ? project : 'recorded-project',
    location: /^[a-z0-9-]+$/.test(location) ? location : 'recorded-location',
  }
  return { type: 'vertex', settings, basePath: '', shows: 'token' }
}

function onAzure(
  { request, api }: WireCase,
  format: WireFormat,
  path: string,
  query: URLSearchParams,
): VendorProvider | undefined {
  const host = asText(request?.host)
  const azure = host === '' ? api.startsWith('azure') : host.endsWith('.azure.com')
  if (!azure || (format !== 'completions' && format !== 'responses')) return undefined
  const dated = { api_version: query.get('api-version') ?? anyVersion }
  const provider = (settings: Readonly<Record<string, unknown>>): VendorProvider => ({
    type: 'azure-openai',
    settings,
    basePath: '',
    shows: 'api-key',
  })
  switch (path) {
    case '/openai/v1/chat/completions':
    case '/openai/v1/embeddings':
      return provider({})
    case '/openai/v1/responses':
      return provider({ api: 'responses' })
    case '/openai/responses':
      return provider({ api: 'responses', ...dated })
    case '/models/chat/completions':
      return provider({ api: 'models', ...dated })
    default:
      return path.startsWith('/openai/deployments/') ? provider(dated) : undefined
  }
}

/** Types whose plugins speak no chat completions, or ask no upstream. */
const otherwise = new Set(['ai-sdk', 'anthropic', 'bedrock', 'cohere', 'gemini', 'remote', 'simulator', 'vertex'])

function compatible(
  { request, api }: WireCase,
  path: string,
  plugins: LoadedPlugins,
  below = '/chat/completions',
): VendorProvider {
  const host = asText(request?.host)
  const types = [...plugins.keys()].filter((type) => !otherwise.has(type))
  const addressOf = (type: string): URL | undefined => {
    const { baseUrl, baseUrlVariable } = plugins.get(type)?.manifest ?? {}
    const address = baseUrl ?? baseUrlVariable?.toBaseUrl?.('example')
    return address === undefined ? undefined : new URL(address)
  }
  const byHost = types.find((type) => host !== '' && addressOf(type)?.host === host)
  const type = byHost ?? types.find((name) => `${api}-`.startsWith(`${name.replace(/^github-/, '')}-`)) ?? 'openai'
  const ollama = type === 'ollama' && (path === '' || path.endsWith(`/v1${below}`))
  const endpoint = ollama ? `/v1${below}` : below
  const own = addressOf(type)?.pathname.replace(/\/$/, '') ?? ''
  return {
    type: type === 'ollama' && !ollama ? 'openai' : type,
    settings: ollama ? { api: 'openai' } : {},
    basePath: path === '' || path === own + endpoint ? own : before(path, endpoint),
    shows: 'bearer',
  }
}

function native({ request }: WireCase, format: Exclude<WireFormat, 'completions'>, path: string): VendorProvider {
  const basePath = before(path.replace(/\/count_tokens$/, ''), endpoints[format] ?? path)
  switch (format) {
    case 'responses':
      return {
        type: 'openai',
        settings: { api: 'responses' },
        basePath: path === '' ? '/v1' : basePath,
        shows: 'bearer',
      }
    case 'anthropic':
      return { type: 'anthropic', settings: {}, basePath, shows: 'x-api-key' }
    case 'gemini': {
      const [, proxied = ''] = /^(.*)\/v1beta\/models\//.exec(path) ?? []
      return { type: 'gemini', settings: {}, basePath: proxied, shows: 'x-goog-api-key' }
    }
    case 'bedrock': {
      const [, region = 'us-east-1'] = /^bedrock-runtime\.([a-z0-9-]+)\./.exec(asText(request?.host)) ?? []
      return { type: 'bedrock', settings: { region, access_key_id: accessKeyId }, basePath: '', shows: 'signature' }
    }
    case 'cohere':
    case 'ollama':
      return { type: format, settings: {}, basePath, shows: 'bearer' }
    default:
      return format satisfies never
  }
}

/** What of a path stands before its end; nothing where it has another end. */
function before(path: string, end: string): string {
  return path.endsWith(end) ? path.slice(0, -end.length) : ''
}
