import type {
  LanguageModelV3GenerateResult,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
} from '@ai-sdk/provider'
import { fail } from '#provider'
import type { StreamPart } from './parts.ts'

/** Patterns of URLs by media type. */
export type SupportedUrls = Readonly<Record<string, readonly RegExp[]>>

/** A model of the AI SDK, of one of the two versions of its specification that are understood here. */
export interface LanguageModel {
  readonly specificationVersion: 'v3' | 'v4'
  /** What the model's vendor reads by URL: patterns of URLs by media type, in which `*` stands for any. */
  readonly supportedUrls?: SupportedUrls | PromiseLike<SupportedUrls>
  doGenerate(
    options: LanguageModelV4CallOptions,
  ): PromiseLike<LanguageModelV3GenerateResult | LanguageModelV4GenerateResult>
  doStream(options: LanguageModelV4CallOptions): PromiseLike<{ readonly stream: ReadableStream<StreamPart> }>
}

/** Makes a model by its id, from a provider that is made with these options. */
export type MakeModel = (options: Readonly<Record<string, unknown>>, id: string) => LanguageModel

/**
 * Loads a provider's package, which is found from the gateway's own folder upwards. Throws one line when it is not installed, has no
 * such function, or its models are of another version.
 */
export async function loadProvider(name: string, exported: string | undefined): Promise<MakeModel> {
  const module = await load(name)
  const makers = Object.entries(module).filter(
    ([key, value]) => /^create[A-Z]/.test(key) && typeof value === 'function',
  )
  const [found, second] = exported === undefined ? makers : makers.filter(([key]) => key === exported)
  if (found === undefined || second !== undefined) {
    const there = makers.map(([key]) => key).join(', ') || 'none'
    throw fail('invalid_request', `settings.export: say which function of ${name} makes a provider; it has ${there}`)
  }
  const create = found[1] as (options: object) => unknown
  return (options, id) => modelFrom(create({ ...options }), id, name)
}

async function load(name: string): Promise<object> {
  try {
    return (await import(/* @vite-ignore */ name)) as object
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND'
    if (!missing || !String(cause).includes(`'${name}'`)) throw cause
    throw fail(
      'invalid_request',
      `settings.package: ${name} is not installed; npm install ${name} beside the gateway`,
      {
        cause,
      },
    )
  }
}

function modelFrom(provider: unknown, id: string, name: string): LanguageModel {
  const model = hasModels(provider) ? provider.languageModel(id) : undefined
  const version =
    typeof model === 'object' && model !== null && 'specificationVersion' in model ? model.specificationVersion : 'none'
  if (version === 'v3' || version === 'v4') return model as LanguageModel
  throw fail('invalid_request', `settings.package: models of ${name} are of version ${String(version)}, not v3 or v4`)
}

function hasModels(provider: unknown): provider is { languageModel(id: string): unknown } {
  const isObject = (typeof provider === 'object' && provider !== null) || typeof provider === 'function'
  return isObject && 'languageModel' in provider && typeof provider.languageModel === 'function'
}
