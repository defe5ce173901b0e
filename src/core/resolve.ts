import type { Model } from '#gen/switchyard/v1/registry_pb.ts'
import { fits } from '../dialects/model-names.ts'
import { fail } from '../error/index.ts'
import { type AliasProblem, readAliases } from './alias.ts'
import type { AliasRule, LoadedProvider, Route, Target } from './contract.ts'

/** Everything a model name can lead to. */
export interface Registry {
  readonly providers: readonly LoadedProvider[]
  readonly aliases: readonly AliasRule[]
  /** What is wrong with the aliases. */
  readonly problems: readonly AliasProblem[]
  /** Where a name leads. `provider` forces one by id or name. Throws `model_not_found`, or `not_found` for an unknown provider. */
  resolve(model: string, provider: string): Route
  /** The provider of that id or, if there is none, of that name. */
  provider(idOrName: string): LoadedProvider | undefined
  /** What is known of a model that a provider lists; undefined for one that it does not. */
  model(provider: LoadedProvider, model: string): Model | undefined
}

interface Pattern {
  readonly pattern: string
  readonly route: (model: string) => readonly Target[]
}

/**
 * Builds the registry. A name is tried as: an alias; a model that a provider is configured with; `provider/model`; the longest
 * matching prefix of aliases and of the plugins' manifests; a model that a provider listed when it was asked; and last the alias
 * `*`. Providers that come first win, those that cannot be used come last. Aliases that lead nowhere are left out and told.
 */
export function createRegistry(
  providers: readonly LoadedProvider[],
  rules: readonly AliasRule[],
  random: () => number = Math.random,
): Registry {
  const byName = new Map(providers.map((provider) => [provider.record.name, provider]))
  const byId = new Map(providers.map((provider) => [provider.record.id, provider]))
  const ranked = providers.toSorted((one, other) => Number(one.unusable ?? false) - Number(other.unusable ?? false))
  const listed = firstTargets(ranked, ({ models }) => models)
  const synced = firstTargets(ranked, (provider) => provider.synced ?? [])
  const known = new Map(
    providers.map((provider) => [
      provider.provider,
      new Map([...(provider.synced ?? []), ...provider.models].map((model) => [model.id, model])),
    ]),
  )
  const aliases = readAliases(rules, byName, random)
  const patterns: Pattern[] = rules
    .filter(({ name }) => name.endsWith('*'))
    .map(({ name }) => ({ pattern: name, route: () => aliases.targets(name) ?? [] }))
  for (const provider of ranked) patterns.push(...provider.patterns.map((pattern) => ownPattern(provider, pattern)))
  patterns.sort((a, b) => fitOf(b.pattern) - fitOf(a.pattern))
  const exact = new Set(rules.map(({ name }) => name).filter((name) => !name.endsWith('*')))

  const named = (model: string): readonly Target[] | undefined => {
    const slash = model.indexOf('/')
    const provider = slash > 0 ? byName.get(model.slice(0, slash)) : undefined
    if (provider === undefined || slash === model.length - 1) return undefined
    return [{ provider, model: model.slice(slash + 1) }]
  }
  const matched = (model: string): readonly Target[] | undefined => {
    const found = patterns.find(({ pattern }) => fits(model, pattern))
    return found === undefined || found.pattern === '*'
      ? (synced.get(model) ?? found?.route(model))
      : found.route(model)
  }
  const provider = (idOrName: string): LoadedProvider | undefined => byId.get(idOrName) ?? byName.get(idOrName)

  return {
    providers,
    aliases: rules,
    problems: aliases.problems,
    provider,
    resolve(model, forced) {
      if (forced !== '') return { alias: model, forced: true, targets: [forcedTarget(provider(forced), forced, model)] }
      if (model === '') throw fail('invalid_request', 'model is required', { param: 'model' })
      const alias = exact.has(model) ? aliases.targets(model) : undefined
      const targets = alias ?? listed.get(model) ?? named(model) ?? matched(model)
      if (targets === undefined)
        throw fail('model_not_found', `no provider serves the model "${shorten(model)}"`, { param: 'model' })
      return { alias: model, targets }
    },
    model: (one, model) => known.get(one.provider)?.get(model),
  }
}

/** The first provider of each model name. */
function firstTargets(
  providers: readonly LoadedProvider[],
  modelsOf: (provider: LoadedProvider) => readonly Model[],
): ReadonlyMap<string, readonly Target[]> {
  const targets = new Map<string, readonly Target[]>()
  for (const provider of providers)
    for (const { id } of modelsOf(provider)) if (!targets.has(id)) targets.set(id, [{ provider, model: id }])
  return targets
}

/** How much of a name a pattern settles: its letters, and that nothing follows them. */
function fitOf(pattern: string): number {
  return pattern.endsWith('*') ? 2 * pattern.length - 2 : 2 * pattern.length + 1
}

/** A pattern that ends in slash and star is a namespace: the upstream knows the model by what follows the slash. */
function ownPattern(provider: LoadedProvider, pattern: string): Pattern {
  const cut = pattern.endsWith('/*') ? pattern.length - 1 : 0
  return { pattern, route: (model) => [{ provider, model: model.slice(cut) }] }
}

function forcedTarget(provider: LoadedProvider | undefined, forced: string, model: string): Target {
  if (provider === undefined)
    throw fail('not_found', `there is no provider "${shorten(forced)}"`, { param: 'provider' })
  const prefix = `${provider.record.name}/`
  const asked = model.startsWith(prefix) ? model.slice(prefix.length) : model
  const chosen = asked === '' ? provider.record.defaultModel : asked
  if (chosen === '') throw fail('invalid_request', 'model is required', { param: 'model' })
  return { provider, model: chosen }
}

function shorten(name: string): string {
  return name.length > 128 ? `${name.slice(0, 128)}…` : name
}
