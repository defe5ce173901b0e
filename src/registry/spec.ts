import type { ProviderRow, SecretSource } from '../store/contract.ts'

/** Names that providers may have. */
export const providerName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** True for an http or https URL without user, password, query or fragment. */
export function isBaseUrl(value: string): boolean {
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) return false
  const { username, password, search, hash } = new URL(value)
  return username + password + search + hash === ''
}

/** What a provider is made from, wherever it was declared: in the configuration, by the environment alone, or through the API. */
export interface ProviderSpec {
  readonly origin: 'configured' | 'implied' | 'stored'
  /** Eight hex digits. */
  readonly id: string
  readonly name: string
  readonly type: string
  /** Empty: the plugin's. */
  readonly defaultModel: string
  /** Empty: the environment's or the plugin's. */
  readonly baseUrl: string
  readonly settings: Readonly<Record<string, unknown>>
  /** `none`: the plugin's own variable, where that is set, unless the base URL is one that the API was given. */
  readonly secret: SecretSource
  /** Variables that hold further keys. */
  readonly moreVariables: readonly string[]
  /** Models to list without asking the provider. */
  readonly models: readonly string[]
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly updated: number
}

/** What a row of the store declares; undefined for one whose settings are no JSON object. */
export function specOfRow({ settings, ...row }: ProviderRow): ProviderSpec | undefined {
  const read = jsonObject(settings)
  if (read === undefined) return undefined
  return { ...row, origin: 'stored', settings: read, moreVariables: [], models: [] }
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}
