import { hash } from 'node:crypto'
import type { LoadedProvider } from '../core/contract.ts'
import type { Logger, Plugin } from '../provider/contract.ts'
import type { Egress } from '../provider/egress.ts'
import type { LoadedPlugins } from '../provider/load.ts'
import { SecretFiles } from '../registry/files.ts'
import type { Workshop } from '../registry/instance.ts'
import { Providers } from '../registry/live.ts'
import { masterKeyVariable, Sealer } from '../registry/seal.ts'
import type { ProviderSpec } from '../registry/spec.ts'
import { isSet } from '../registry/variables.ts'
import type { Environment } from './load.ts'
import type { Config } from './schema.ts'

/** What providers are made with. */
export interface ProviderSources {
  readonly config: Config
  readonly env: Environment
  readonly plugins: LoadedPlugins
  readonly egress: Egress
  readonly log: Logger
}

type ProviderConfig = Config['providers'][number]

/** What the configuration and the environment say of how providers are made. Throws `invalid_request` for a bad master key. */
export function workshopOf({ config, env, plugins, egress, log }: ProviderSources): Workshop {
  const { allowed_env: allowedVariables, allowed_files: allowedFiles } = config.secrets
  const sealer = Sealer.from(env[masterKeyVariable])
  return { plugins, env, allowedVariables, files: new SecretFiles(allowedFiles), sealer, egress, log }
}

/**
 * The providers that are declared without the store: those that are configured, and those of plugins that need no configuration,
 * because they are built in or their environment variable is set, unless the configuration has one of that type or name.
 */
export function declaredProviders({ config, env, plugins }: Pick<ProviderSources, 'config' | 'env' | 'plugins'>): {
  readonly configured: readonly ProviderSpec[]
  readonly implied: readonly ProviderSpec[]
} {
  const now = Date.now()
  const taken = new Set(config.providers.flatMap(({ name, type }) => [name, type]))
  const implied = [...plugins.values()]
    .filter((plugin) => !taken.has(plugin.manifest.type) && startsAlone(plugin, env))
    .map(({ manifest: { type } }): ProviderSpec => ({ ...nothingSaid(type, now), type, origin: 'implied' }))
  return { configured: config.providers.map((provider) => specOf(provider, now)), implied }
}

/** Makes every declared provider. Throws one line that names the provider at fault. */
export async function createProviders(sources: ProviderSources): Promise<readonly LoadedProvider[]> {
  const workshop = workshopOf(sources)
  const { current } = await Providers.open({ workshop, ...declaredProviders(sources), aliases: [] })
  return current.providers
}

/** A key alone is not enough where only another variable knows the address: other programs use some of these keys as well. */
function startsAlone({ manifest }: Plugin<unknown>, env: Environment): boolean {
  const { builtIn, keyVariable, baseUrl, baseUrlVariable } = manifest
  if (builtIn === true) return true
  const placed = baseUrl !== undefined || baseUrlVariable === undefined || isSet(env[baseUrlVariable.name])
  if (keyVariable !== undefined && isSet(env[keyVariable]) && placed) return true
  return baseUrlVariable?.enables === true && isSet(env[baseUrlVariable.name])
}

function specOf(config: ProviderConfig, now: number): ProviderSpec {
  const { name, type, settings, models } = config
  const [first, ...moreVariables] = [...(config.env_var === undefined ? [] : [config.env_var]), ...config.env_vars]
  const key: Pick<ProviderSpec, 'secret' | 'moreVariables'> =
    config.key_file !== undefined
      ? { secret: { kind: 'file', path: config.key_file }, moreVariables: config.env_vars }
      : first !== undefined
        ? { secret: { kind: 'env', variable: first }, moreVariables }
        : { secret: { kind: 'none' }, moreVariables: [] }
  return {
    ...nothingSaid(name, now),
    ...key,
    type,
    settings,
    models,
    defaultModel: config.default_model ?? '',
    baseUrl: config.base_url ?? '',
  }
}

/** A declaration that says nothing but a name. Its id comes from the name, so that it is the same on every replica. */
function nothingSaid(name: string, now: number): Omit<ProviderSpec, 'type'> {
  return {
    origin: 'configured',
    id: hash('sha256', name).slice(0, 8),
    name,
    defaultModel: '',
    baseUrl: '',
    settings: {},
    secret: { kind: 'none' },
    moreVariables: [],
    models: [],
    created: now,
    updated: now,
  }
}
