import { create } from '@bufbuild/protobuf'
import type { ZodError } from 'zod'
import { type Model, ModelSchema } from '#gen/switchyard/v1/registry_pb.ts'
import { asGatewayError, fail, GatewayError } from '../error/index.ts'
import type { Credential, Host, Logger, Plugin, Provider } from '../provider/contract.ts'
import type { Egress } from '../provider/egress.ts'
import type { LoadedPlugins } from '../provider/load.ts'
import type { SecretFiles } from './files.ts'
import type { Sealer } from './seal.ts'
import { isBaseUrl, type ProviderSpec } from './spec.ts'
import { type Environment, isSet, secretOfVariable } from './variables.ts'

/** What providers are made with. */
export interface Workshop {
  readonly plugins: LoadedPlugins
  readonly env: Environment
  /** Variables that may hold keys, beside `*_API_KEY`. */
  readonly allowedVariables: readonly string[]
  readonly files: SecretFiles
  readonly sealer: Sealer
  readonly egress: Egress
  readonly log: Logger
}

/** How long a plugin may take to make a provider, in milliseconds. Others wait for it. */
const longestMs = 10_000

/** A provider that was made, and what of its making is worth knowing. */
export interface Instance {
  /** Undefined for a type that no plugin has. */
  readonly plugin: Plugin<unknown> | undefined
  readonly provider: Provider
  readonly credentials: readonly Credential[]
  /** Where it is asked; empty when only its settings say so. */
  readonly baseUrl: string
  /** Models of a provider that needs no network, so that they can be listed from the start. */
  readonly listed: readonly Model[]
  /** What keeps it from serving; calls fail with it. */
  readonly fault?: GatewayError
}

/**
 * Makes a provider. Throws `invalid_request`, with the field in `param`, for what no replica could make: an unknown type, settings the
 * plugin does not take. Throws `provider_credential` when only its key is missing here.
 */
export async function makeInstance(spec: ProviderSpec, workshop: Workshop): Promise<Instance> {
  const plugin = pluginOf(spec.type, workshop.plugins)
  if (spec.origin === 'stored') requireRegistrable(spec, plugin)
  const own = plugin.manifest.settings.safeParse(spec.settings)
  if (!own.success) throw badSettings(own.error)
  const baseUrl = baseUrlOf(spec, plugin, workshop.env)
  const { egress, log, env, allowedVariables } = workshop
  const secret = (name: string) => secretOfVariable(name, env, allowedVariables)
  const provider = await created(plugin, { baseUrl, own: own.data }, { name: spec.name, egress, log, secret })
  const credentials = await credentialsOf(spec, plugin, workshop).catch(async (error: unknown) => {
    await provider.close?.()
    throw error
  })
  const listed =
    plugin.manifest.builtIn === true && provider.listModels !== undefined ? await listOf(provider, workshop) : []
  return { plugin, provider, credentials, baseUrl, listed }
}

/** A provider whose every call fails with what kept it from being made, so that it harms nobody else. */
export function brokenInstance(spec: ProviderSpec, { plugins }: Workshop, error: unknown): Instance {
  const plugin = plugins.get(spec.type)
  const fault = faultOf(spec.name, asGatewayError(error))
  const refuse = (): never => {
    throw fail(fault.reason, fault.message, fault.details)
  }
  return {
    plugin,
    // Every operation, so that none seems to be what the vendor lacks: a video would be given up, and a caller told to ask otherwise.
    provider: {
      chat: refuse,
      countTokens: refuse,
      generate: refuse,
      embed: refuse,
      generateImages: refuse,
      transcribe: refuse,
      synthesize: refuse,
      createVideo: refuse,
      getVideo: refuse,
      cancelVideo: refuse,
      downloadVideo: refuse,
      infer: refuse,
      listModels: refuse,
    } satisfies Required<Omit<Provider, 'close'>>,
    credentials: [],
    baseUrl: spec.baseUrl,
    listed: [],
    fault,
  }
}

function faultOf(name: string, { reason, message, details }: GatewayError): GatewayError {
  return fail(
    reason === 'provider_credential' ? reason : 'provider_error',
    `the provider "${name}" cannot be used: ${message}`,
    { cause: details.cause, retryable: false },
  )
}

/** The plugin of that type. Throws `invalid_request`, listing those that are loaded. */
export function pluginOf(type: string, plugins: LoadedPlugins): Plugin<unknown> {
  const plugin = plugins.get(type)
  if (plugin !== undefined) return plugin
  const loaded = [...plugins.keys()].join(', ')
  throw fail('invalid_request', `there is no plugin of type "${type.slice(0, 64)}"; loaded are: ${loaded}`, {
    param: 'type',
  })
}

/** Refuses what only the configuration may say, and what no address is. */
function requireRegistrable({ baseUrl, settings }: ProviderSpec, { manifest }: Plugin<unknown>): void {
  if (baseUrl !== '' && !isBaseUrl(baseUrl))
    throw fail('invalid_request', 'base_url: must be an http or https URL without user, password, query or fragment', {
      param: 'base_url',
    })
  for (const name of manifest.operatorOnly ?? []) {
    const param = name === 'base_url' ? name : `settings.${name}`
    if (name === 'base_url' ? baseUrl === '' : settings[name] === undefined) continue
    throw fail(
      'invalid_request',
      `${param}: for a provider of type ${manifest.type}, only the configuration may set this`,
      {
        param,
      },
    )
  }
}

function badSettings({ issues: [issue] }: ZodError): GatewayError {
  const param = ['settings', ...(issue?.path ?? [])].join('.')
  return fail('invalid_request', `${param}: ${issue?.message ?? 'they are not what the plugin takes'}`, { param })
}

async function created(
  plugin: Plugin<unknown>,
  settings: Parameters<Plugin<unknown>['create']>[0],
  host: Host,
): Promise<Provider> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(fail('provider_error', 'it did not come about in time')), longestMs)
  try {
    return await Promise.race([plugin.create(settings, host), late])
  } catch (error) {
    if (error instanceof GatewayError) throw error
    throw fail('invalid_request', error instanceof Error ? error.message : String(error), { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

/** The base URL it was given; else the vendor's own variable; else the vendor's own address. */
function baseUrlOf({ baseUrl }: ProviderSpec, { manifest }: Plugin<unknown>, env: Environment): string {
  const variable = manifest.baseUrlVariable
  const value = variable === undefined ? undefined : env[variable.name]
  const fromEnv = isSet(value) ? (variable?.toBaseUrl?.(value.trim()) ?? value.trim()) : undefined
  return (baseUrl === '' ? (fromEnv ?? manifest.baseUrl ?? '') : baseUrl).replace(/\/+$/, '')
}

/** The provider's keys. What was named must be there; the plugin's own variable need not be. */
async function credentialsOf(
  spec: ProviderSpec,
  { manifest }: Plugin<unknown>,
  { env, allowedVariables, files, sealer }: Workshop,
): Promise<Credential[]> {
  const ofVariable = (name: string): Credential => ({ id: name, secret: secretOfVariable(name, env, allowedVariables) })
  const more = spec.moreVariables.map(ofVariable)
  switch (spec.secret.kind) {
    case 'env':
      return [ofVariable(spec.secret.variable), ...more]
    case 'file':
      return [{ id: spec.secret.path, secret: await files.read(spec.secret.path) }, ...more]
    case 'stored':
      return [{ id: 'stored', secret: sealer.open(spec.secret.secret, spec.id) }, ...more]
    case 'none':
      return more.length > 0 ? more : ownCredentials(spec, manifest.keyVariable, env)
    default:
      return spec.secret satisfies never
  }
}

/** The key in the vendor's own variable: for the vendor's own address, and for one that the operator gave. */
function ownCredentials(spec: ProviderSpec, variable: string | undefined, env: Environment): Credential[] {
  if (variable === undefined || (spec.origin === 'stored' && spec.baseUrl !== '')) return []
  return isSet(env[variable]) ? [{ id: variable, secret: secretOfVariable(variable, env, [variable]) }] : []
}

async function listOf(provider: Provider, { egress, log }: Workshop): Promise<Model[]> {
  const context = { signal: AbortSignal.timeout(1000), streaming: false, requestId: '', egress, log }
  const models: Model[] = []
  for await (const model of provider.listModels?.(context) ?? []) models.push(create(ModelSchema, model))
  return models
}
