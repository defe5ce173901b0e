import { randomBytes } from 'node:crypto'
import type { CreateProviderRequest, Provider, UpdateProviderRequest } from '#gen/switchyard/v1/registry_pb.ts'
import { asGatewayError, fail, type GatewayError } from '../error/index.ts'
import { Secret } from '../provider/secret.ts'
import type { ProviderRow, RegistryStore, SecretSource } from '../store/contract.ts'
import { brokenInstance, makeInstance, pluginOf, type Workshop } from './instance.ts'
import type { Providers } from './live.ts'
import { loadedProvider } from './loaded.ts'
import { providerName, specOfRow } from './spec.ts'
import { isAllowedVariable } from './variables.ts'

/** What changes are made with. */
export interface ChangeParts {
  readonly live: Providers
  readonly store: RegistryStore
  readonly workshop: Workshop
  /** Brings what this process serves up to date with the store. */
  readonly refresh: () => Promise<void>
}

/** Longest settings that are stored, as JSON text. */
const longestSettings = 64 * 1024
/** Longest key that is stored. */
const longestKey = 16 * 1024

/**
 * Registers a provider. Throws `conflict` for a name that is taken, and `invalid_request`, with the field in `param`, for what its
 * plugin does not take. A key that is missing on this machine is no obstacle: another replica may have it.
 */
export async function createProvider(request: CreateProviderRequest, parts: ChangeParts): Promise<Provider> {
  requireName(request.name, parts)
  const plugin = pluginOf(request.type, parts.workshop.plugins)
  const id = newId(parts.live)
  const now = Date.now()
  const row: ProviderRow = {
    id,
    name: request.name,
    type: plugin.manifest.type,
    defaultModel: checkedModel(request.defaultModel),
    baseUrl: checkedUrl(request.baseUrl),
    settings: checkedSettings(request.settings),
    secret: secretOf(request, id, parts.workshop) ?? { kind: 'none' },
    created: now,
    updated: now,
  }
  const record = await tryOut(row, parts.workshop)
  await parts.store.createProvider(row).catch((error: unknown) => Promise.reject(explain(error, request.name)))
  await bringUpToDate(parts)
  return record
}

/** Changes the fields of a registered provider that are given. Throws as above, and `not_found`. */
export async function updateProvider(request: UpdateProviderRequest, parts: ChangeParts): Promise<Provider> {
  const before = await findRow(request.idOrName, parts)
  if (request.name !== undefined && request.name !== before.name) {
    requireName(request.name, parts)
    refuseIfAimedAt(before.name, parts.live)
  }
  if (request.type !== undefined && request.type !== before.type)
    throw fail('invalid_request', 'type: cannot be changed; register another provider', { param: 'type' })
  const secret = secretOf(request, before.id, parts.workshop)
  const row: ProviderRow = {
    ...before,
    name: request.name ?? before.name,
    defaultModel: request.defaultModel === undefined ? before.defaultModel : checkedModel(request.defaultModel),
    baseUrl: request.baseUrl === undefined ? before.baseUrl : checkedUrl(request.baseUrl),
    settings: request.settings === undefined ? before.settings : checkedSettings(request.settings),
    secret: secret ?? before.secret,
    updated: Math.max(Date.now(), before.updated + 1),
  }
  if (secret === undefined) requireSamePlace(before, row, parts.workshop)
  const record = await tryOut(row, parts.workshop)
  await parts.store
    .updateProvider(row, before.updated)
    .catch((error: unknown) => Promise.reject(explain(error, row.name)))
  await bringUpToDate(parts)
  return record
}

/** Deletes a registered provider and gives its id. Throws `not_found`, and `conflict` for one that is configured. */
export async function deleteProvider(idOrName: string, parts: ChangeParts): Promise<string> {
  const { id, name } = await findRow(idOrName, parts)
  refuseIfAimedAt(name, parts.live)
  await parts.store.deleteProvider(id)
  await bringUpToDate(parts)
  return id
}

/** The row of that id, or else of that name. Throws `not_found`, and `conflict` for a provider that is not in the store. */
async function findRow(idOrName: string, { live, store }: ChangeParts): Promise<ProviderRow> {
  const rows = await store.providers()
  const found = rows.find(({ id }) => id === idOrName) ?? rows.find(({ name }) => name === idOrName)
  if (found !== undefined && (found.id === idOrName || !live.isConfigured(found.name))) return found
  const declared = live.current.provider(idOrName)?.record
  if (declared?.configured !== true)
    throw fail('not_found', `there is no provider "${idOrName.slice(0, 128)}"`, { param: 'id_or_name' })
  throw conflict(
    live.isConfigured(declared.name)
      ? `the provider "${declared.name}" is declared in the configuration file; it can only be changed there`
      : `the provider "${declared.name}" is declared by the environment alone; register one of that name to replace it`,
  )
}

function requireName(name: string, { live }: ChangeParts): void {
  if (!providerName.test(name))
    throw fail('invalid_request', 'name: must be 1 to 128 letters, digits, ".", "_" or "-"', { param: 'name' })
  if (live.isConfigured(name))
    throw conflict(`the name "${name}" belongs to a provider of the configuration file; choose another`, 'name')
  if (live.current.providers.some(({ record }) => record.name === name && !record.configured)) throw taken(name)
}

/** A configured alias that leads nowhere would keep the gateway from starting. */
function refuseIfAimedAt(name: string, live: Providers): void {
  const alias = live.configuredAliases.find(({ targets }) => targets.some(({ provider }) => provider === name))
  if (alias !== undefined)
    throw conflict(`the alias "${alias.name}" of the configuration file leads to the provider "${name}"`)
}

/** A key goes where it was registered for: whoever leads it elsewhere has to know it. */
function requireSamePlace(before: ProviderRow, after: ProviderRow, { plugins }: Workshop): void {
  if (before.secret.kind === 'none') return
  const again = 'give the key again (env_var, api_key or key_file) with it'
  if (after.baseUrl !== before.baseUrl)
    throw fail('invalid_request', `a new base_url could lead the key elsewhere: ${again}`, { param: 'base_url' })
  const [settings, then] = [after, before].map((row) => specOfRow(row)?.settings ?? {})
  for (const name of plugins.get(before.type)?.manifest.placedBy ?? []) {
    if (JSON.stringify(settings?.[name]) === JSON.stringify(then?.[name])) continue
    const param = `settings.${name}`
    throw fail('invalid_request', `a new ${param} could lead the key elsewhere: ${again}`, { param })
  }
}

/** Where the key comes from, as the request says; undefined when it says nothing. An empty word takes the key away. */
function secretOf(
  given: Pick<UpdateProviderRequest, 'envVar' | 'apiKey' | 'keyFile'>,
  id: string,
  { allowedVariables, files, sealer }: Workshop,
): SecretSource | undefined {
  const ways = { env_var: given.envVar ?? '', api_key: given.apiKey ?? '', key_file: given.keyFile ?? '' }
  const [chosen, second] = Object.entries(ways).filter(([, value]) => value !== '')
  if (second !== undefined)
    throw fail('invalid_request', 'the key is in one place: give env_var, api_key or key_file, not two of them', {
      param: second[0],
    })
  if (chosen === undefined) {
    const isSaid = [given.envVar, given.apiKey, given.keyFile].some((value) => value !== undefined)
    return isSaid ? { kind: 'none' } : undefined
  }
  if (ways.api_key !== '') return { kind: 'stored', secret: sealer.seal(checkedKey(ways.api_key), id) }
  if (ways.key_file !== '') {
    atField('key_file', () => files.requireAllowed(ways.key_file))
    return { kind: 'file', path: ways.key_file }
  }
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,255}$/.test(ways.env_var))
    throw fail('invalid_request', 'env_var: must be the name of an environment variable', { param: 'env_var' })
  if (!isAllowedVariable(ways.env_var, allowedVariables))
    throw fail('invalid_request', 'env_var: only *_API_KEY may be read; others are allowed in secrets.allowed_env', {
      param: 'env_var',
    })
  return { kind: 'env', variable: ways.env_var }
}

function checkedKey(text: string): Secret {
  const key = text.trim()
  if (key === '' || key.length > longestKey || /[\p{Cc}]/u.test(key))
    throw fail('invalid_request', 'api_key: must be a key, without control characters', { param: 'api_key' })
  return new Secret(key)
}

function checkedModel(model: string): string {
  if (model.length <= 512) return model
  throw fail('invalid_request', 'default_model: must not be longer than 512 characters', { param: 'default_model' })
}

function checkedUrl(url: string): string {
  if (url.length > 2048)
    throw fail('invalid_request', 'base_url: must not be longer than 2048 characters', { param: 'base_url' })
  // What else it has to be is checked when the provider is tried out.
  return url.replace(/\/+$/, '')
}

function checkedSettings(settings: object | undefined): string {
  const text = JSON.stringify(settings ?? {})
  if (text.length > longestSettings)
    throw fail('invalid_request', `settings: must not be longer than ${longestSettings} characters`, {
      param: 'settings',
    })
  return text
}

/** Makes the provider once, to find out whether it can be made, and what clients would see of it. */
async function tryOut(row: ProviderRow, workshop: Workshop): Promise<Provider> {
  const spec = specOfRow(row)
  if (spec === undefined) throw fail('internal', 'the settings of the provider cannot be read')
  const instance = await makeInstance(spec, workshop).catch((error: unknown) => {
    if (asGatewayError(error).reason !== 'provider_credential') throw error
    return brokenInstance(spec, workshop, error)
  })
  await instance.provider.close?.()
  return loadedProvider(spec, instance, []).record
}

/** What was written is written, even if it cannot be read back now: then it is served when the store answers again. */
export async function bringUpToDate({ refresh, workshop: { log } }: ChangeParts): Promise<void> {
  await refresh().catch((error: unknown) => log.warn({ err: error }, 'a change was stored, but could not be read back'))
}

function newId(live: Providers): string {
  for (;;) {
    const id = randomBytes(4).toString('hex')
    if (live.current.provider(id) === undefined) return id
  }
}

function atField(param: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    const { reason, message, details } = asGatewayError(error)
    throw fail(reason, `${param}: ${message}`, { ...details, param })
  }
}

function explain(error: unknown, name: string): GatewayError {
  const known = asGatewayError(error)
  // The store's own word for a change by somebody else says more.
  return known.reason === 'conflict' && known.details.cause !== undefined ? taken(name) : known
}

function taken(name: string): GatewayError {
  return conflict(`there is a provider "${name}" already`, 'name')
}

function conflict(message: string, param?: string): GatewayError {
  return fail('conflict', message, { retryable: false, ...(param !== undefined && { param }) })
}
