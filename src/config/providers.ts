import { hash } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { type Model, ModelSchema, ProviderSchema } from '#gen/switchyard/v1/registry_pb.ts'
import type { LoadedProvider } from '../core/contract.ts'
import { fail } from '../error/index.ts'
import type { Credential, Logger, Plugin } from '../provider/contract.ts'
import type { Egress } from '../provider/egress.ts'
import type { LoadedPlugins } from '../provider/load.ts'
import { Secret } from '../provider/secret.ts'
import type { Environment } from './load.ts'
import type { Config } from './schema.ts'
import { isAllowedVariable } from './secrets.ts'

/** What providers are made with. */
export interface ProviderSources {
  readonly config: Config
  readonly env: Environment
  readonly plugins: LoadedPlugins
  readonly egress: Egress
  readonly log: Logger
}

type ProviderConfig = Config['providers'][number]

/**
 * Makes every provider: those that are configured, then those of plugins that need no configuration, because they are built in
 * or their environment variable is set, unless the configuration has one of that type or name. Throws one line that names
 * the provider at fault.
 */
export async function createProviders(sources: ProviderSources): Promise<LoadedProvider[]> {
  const configured = sources.config.providers
  const taken = new Set(configured.flatMap(({ name, type }) => [name, type]))
  const implied = [...sources.plugins.values()]
    .filter((plugin) => !taken.has(plugin.manifest.type) && startsAlone(plugin, sources.env))
    .map(impliedConfig)
  const loaded: LoadedProvider[] = []
  for (const provider of [...configured, ...implied]) loaded.push(await createProvider(provider, sources))
  return loaded
}

/** A key alone is not enough where only another variable knows the address: other programs use some of these keys as well. */
function startsAlone({ manifest }: Plugin<unknown>, env: Environment): boolean {
  const { builtIn, keyVariable, baseUrl, baseUrlVariable } = manifest
  if (builtIn === true) return true
  const placed = baseUrl !== undefined || baseUrlVariable === undefined || isSet(env[baseUrlVariable.name])
  if (keyVariable !== undefined && isSet(env[keyVariable]) && placed) return true
  return baseUrlVariable?.enables === true && isSet(env[baseUrlVariable.name])
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value.trim() !== ''
}

function impliedConfig({ manifest }: Plugin<unknown>): ProviderConfig {
  return { name: manifest.type, type: manifest.type, env_vars: [], models: [], settings: {} }
}

async function createProvider(config: ProviderConfig, sources: ProviderSources): Promise<LoadedProvider> {
  const { plugins, egress, log } = sources
  const plugin = plugins.get(config.type)
  if (plugin === undefined)
    throw fault(config, `there is no plugin of type "${config.type}"; loaded are: ${[...plugins.keys()].join(', ')}`)
  const { manifest } = plugin
  const own = manifest.settings.safeParse(config.settings)
  if (!own.success) {
    const [issue] = own.error.issues
    throw fault(config, `settings${issue === undefined ? '' : `.${issue.path.join('.')}: ${issue.message}`}`)
  }
  const baseUrl = baseUrlOf(config, plugin, sources.env)
  const credentials = credentialsOf(config, plugin, sources.env)
  const secret = (variable: string): Secret => secretOf(variable, sources)
  const host = { name: config.name, egress, log, secret }
  const provider = await makeProvider(config, plugin, { baseUrl, own: own.data }, host)
  const defaultModel = config.default_model ?? manifest.defaultModel ?? ''
  const now = timestampFromDate(new Date())
  const record = create(ProviderSchema, {
    id: hash('sha256', config.name).slice(0, 8),
    name: config.name,
    type: config.type,
    defaultModel,
    envVar: config.env_var ?? manifest.keyVariable ?? '',
    baseUrl,
    created: now,
    updated: now,
  })
  const names = [...new Set([...config.models, ...(defaultModel === '' ? [] : [defaultModel])])]
  const models = names.map((id) => create(ModelSchema, { id, operations: ['chat'], created: now }))
  const builtInModels =
    manifest.builtIn === true && provider.listModels !== undefined ? await listed(provider, { egress, log }) : []
  const known = new Set(models.map(({ id }) => id))
  return {
    record,
    provider,
    credentials,
    models: [...models, ...builtInModels.filter(({ id }) => !known.has(id))],
    patterns: manifest.models,
  }
}

async function makeProvider(
  config: ProviderConfig,
  plugin: Plugin<unknown>,
  settings: Parameters<Plugin<unknown>['create']>[0],
  host: Parameters<Plugin<unknown>['create']>[1],
): Promise<LoadedProvider['provider']> {
  try {
    return await plugin.create(settings, host)
  } catch (error) {
    throw fault(config, error instanceof Error ? error.message : String(error))
  }
}

/** The models of a provider that needs no network, so that they can be listed from the start. */
async function listed(
  provider: LoadedProvider['provider'],
  { egress, log }: { egress: Egress; log: Logger },
): Promise<Model[]> {
  const context = { signal: AbortSignal.timeout(1000), streaming: false, requestId: '', egress, log }
  const models: Model[] = []
  for await (const model of provider.listModels?.(context) ?? []) models.push(create(ModelSchema, model))
  return models
}

/** The configured base URL; else the vendor's own variable; else the vendor's own address. */
function baseUrlOf({ base_url }: ProviderConfig, { manifest }: Plugin<unknown>, env: Environment): string {
  const variable = manifest.baseUrlVariable
  const value = variable === undefined ? undefined : env[variable.name]
  const fromEnv = isSet(value) ? (variable?.toBaseUrl?.(value.trim()) ?? value.trim()) : undefined
  return (base_url ?? fromEnv ?? manifest.baseUrl ?? '').replace(/\/+$/, '')
}

/** The provider's keys. A variable that the configuration names must be set; the plugin's own need not be. */
function credentialsOf(config: ProviderConfig, { manifest }: Plugin<unknown>, env: Environment): Credential[] {
  const required = [...(config.env_var === undefined ? [] : [config.env_var]), ...config.env_vars]
  const names = required.length > 0 ? required : manifest.keyVariable === undefined ? [] : [manifest.keyVariable]
  return names.flatMap((id) => {
    const value = env[id]
    if (isSet(value)) return [{ id, secret: new Secret(value.trim()) }]
    if (required.includes(id)) throw fault(config, `the environment variable ${id} is not set`)
    return []
  })
}

/** A secret that a provider's settings name, by the rule that holds for keys. */
function secretOf(variable: string, { config, env }: ProviderSources): Secret {
  if (!isAllowedVariable(variable, config.secrets.allowed_env))
    throw fail('invalid_request', 'only *_API_KEY may be read; allow others in secrets.allowed_env')
  const value = env[variable]
  if (!isSet(value)) throw fail('invalid_request', `the environment variable ${variable} is not set`)
  return new Secret(value.trim())
}

function fault({ name }: ProviderConfig, message: string): Error {
  return fail('invalid_request', `provider "${name}": ${message}`)
}
