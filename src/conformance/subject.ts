import { pathToFileURL } from 'node:url'
import { createProviders } from '../config/providers.ts'
import { configSchema } from '../config/schema.ts'
import { fail } from '../error/index.ts'
import type { CallContext, Plugin, Provider } from '../provider/contract.ts'
import { createEgress } from '../provider/egress.ts'
import { loadPlugins } from '../provider/load.ts'
import { remoteProvider } from '../provider/remote.ts'
import { Secret } from '../provider/secret.ts'
import type { Subject } from './contract.ts'

/** What is to be examined, as the command line says it. */
export interface SubjectRequest {
  /** A plugin's type, path or package, or the address of a remote provider (grpc:) or of a gateway (http:). */
  readonly target: string
  /** The model to ask; the plugin's default or first listed one when absent. */
  readonly model?: string | undefined
  /** The plugin's own settings. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined
  readonly baseUrl?: string | undefined
  /** Name of the environment variable that holds the key. */
  readonly keyVariable?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where the gateway's own plugins lie, and the folder that paths start from. */
  readonly plugins: URL
  readonly baseDir: string
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Opens what is to be examined. Throws one line that says what is wrong with the request. */
export async function openSubject(request: SubjectRequest): Promise<Subject> {
  const egress = createEgress({ connectTimeoutMs: 5000 })
  const surroundings = { egress, log: silent }
  try {
    const { target } = request
    const isAddress = /^(grpcs?|https?):\/\//.test(target)
    const subject = isAddress ? openRemote(request, surroundings) : await openPlugin(request, surroundings)
    const model = request.model ?? subject.model ?? (await firstListed(subject, surroundings))
    if (model === undefined) throw fail('invalid_request', 'say which model to ask, with --model')
    return { ...subject, model, [Symbol.asyncDispose]: () => close(subject.provider, egress) }
  } catch (error) {
    await egress.close()
    throw error
  }
}

type Surroundings = Pick<CallContext, 'egress' | 'log'>
type Opened = Pick<Subject, 'name' | 'kind' | 'provider' | 'surroundings' | 'running'> & { readonly model?: string }

function openRemote({ target, keyVariable, env }: SubjectRequest, surroundings: Surroundings): Opened {
  const kind = target.startsWith('grpc') ? 'remote' : 'gateway'
  const provider = remoteProvider(target.replace(/^grpc/, 'http').replace(/\/+$/, ''))
  if (keyVariable === undefined) return { name: target, kind, provider, surroundings }
  const key = env[keyVariable]?.trim() ?? ''
  if (key === '') throw fail('invalid_request', `the environment variable ${keyVariable} is not set`)
  const credential = { id: keyVariable, secret: new Secret(key) }
  return { name: target, kind, provider, surroundings: { ...surroundings, credential } }
}

async function openPlugin(request: SubjectRequest, surroundings: Surroundings): Promise<Opened> {
  const { settings = {}, baseUrl, keyVariable, env } = request
  const plugin = await findPlugin(request)
  const { type } = plugin.manifest
  const described = {
    name: type,
    type,
    settings,
    ...(baseUrl !== undefined && { base_url: baseUrl }),
    ...(keyVariable !== undefined && { env_var: keyVariable }),
  }
  const secrets = { allowed_env: keyVariable === undefined ? [] : [keyVariable] }
  const config = configSchema.safeParse({ providers: [described], secrets })
  if (!config.success) throw fail('invalid_request', config.error.issues[0]?.message ?? 'the settings are invalid')
  const plugins = new Map([[type, plugin]])
  const [made] = await createProviders({ config: config.data, env, plugins, ...surroundings })
  if (made === undefined) throw fail('internal', `the plugin ${type} made no provider`)
  const [credential] = made.credentials
  const model = made.record.defaultModel
  return {
    ...counted(made.provider),
    name: type,
    kind: 'plugin',
    surroundings: { ...surroundings, ...(credential && { credential }) },
    ...(model !== '' && { model }),
  }
}

async function findPlugin({ target, plugins: builtIn, baseDir }: SubjectRequest): Promise<Plugin<unknown>> {
  const isPath = /^\.{0,2}\/|^file:/.test(target)
  const own = isPath ? undefined : (await loadPlugins({ builtIn, named: [], baseDir })).get(target)
  if (own !== undefined) return own
  const name = isPath ? new URL(target, pathToFileURL(`${baseDir}/`)).href : target
  const [named] = (await loadPlugins({ named: [name], baseDir })).values()
  if (named === undefined) throw fail('invalid_request', `there is no plugin ${target}`)
  return named
}

/** The provider with the answers being made counted, so that it is seen whether one that was given up has ended. */
function counted(provider: Provider): Pick<Opened, 'provider' | 'running'> {
  const chat = provider.chat?.bind(provider)
  if (chat === undefined) return { provider }
  let running = 0
  const count: NonNullable<Provider['chat']> = async function* count(request, context) {
    running++
    try {
      yield* chat(request, context)
    } finally {
      running--
    }
  }
  const others = {
    ...(provider.countTokens && { countTokens: provider.countTokens.bind(provider) }),
    ...(provider.listModels && { listModels: provider.listModels.bind(provider) }),
    ...(provider.close && { close: provider.close.bind(provider) }),
  }
  return { provider: { ...others, chat: count }, running: () => running }
}

async function firstListed({ provider, surroundings }: Opened, { log }: Surroundings): Promise<string | undefined> {
  const context = { ...surroundings, log, requestId: '', streaming: false, signal: AbortSignal.timeout(10_000) }
  for await (const { id } of provider.listModels?.(context) ?? []) return id
  return undefined
}

async function close(provider: Provider, egress: CallContext['egress']): Promise<void> {
  await provider.close?.()
  await egress.close()
}
