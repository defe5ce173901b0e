import { fail } from '../error/index.ts'
import type { AliasRule, LoadedProvider, Route, Target } from './contract.ts'

/** Everything a model name can lead to. */
export interface Registry {
  readonly providers: readonly LoadedProvider[]
  /** Where a name leads. `provider` forces one by id or name. Throws `model_not_found`, or `not_found` for an unknown provider. */
  resolve(model: string, provider: string): Route
  /** True for a name that the registry itself lists, so that it may label metrics. */
  knows(provider: LoadedProvider, model: string): boolean
}

interface Pattern {
  readonly pattern: string
  readonly route: (model: string) => readonly Target[]
}

/**
 * Builds the registry. A name is tried as: an alias; a model that a provider lists; `provider/model`; then the longest
 * matching prefix of aliases and of the plugins' manifests. Throws for an alias that leads to an unknown provider.
 */
export function createRegistry(providers: readonly LoadedProvider[], aliases: readonly AliasRule[]): Registry {
  const byName = new Map(providers.map((provider) => [provider.record.name, provider]))
  const byId = new Map(providers.map((provider) => [provider.record.id, provider]))
  const listed = new Map<string, readonly Target[]>()
  for (const provider of providers)
    for (const { id } of provider.models) if (!listed.has(id)) listed.set(id, [{ provider, model: id }])
  const exact = new Map<string, readonly Target[]>()
  const patterns: Pattern[] = []
  for (const alias of aliases) {
    const targets = alias.targets.map((target) => aliasTarget(byName, alias.name, target))
    if (alias.name.endsWith('*')) patterns.push({ pattern: alias.name, route: () => targets })
    else exact.set(alias.name, targets)
  }
  for (const provider of providers) patterns.push(...provider.patterns.map((pattern) => ownPattern(provider, pattern)))
  patterns.sort((a, b) => fitOf(b.pattern) - fitOf(a.pattern))

  const named = (model: string): readonly Target[] | undefined => {
    const slash = model.indexOf('/')
    const provider = slash > 0 ? byName.get(model.slice(0, slash)) : undefined
    if (provider === undefined || slash === model.length - 1) return undefined
    return [{ provider, model: model.slice(slash + 1) }]
  }
  const matched = (model: string): readonly Target[] | undefined =>
    patterns.find(({ pattern }) => matches(pattern, model))?.route(model)

  return {
    providers,
    resolve(model, forced) {
      if (forced !== '')
        return {
          alias: model,
          forced: true,
          targets: [forcedTarget(byId.get(forced) ?? byName.get(forced), forced, model)],
        }
      if (model === '') throw fail('invalid_request', 'model is required', { param: 'model' })
      const targets = exact.get(model) ?? listed.get(model) ?? named(model) ?? matched(model)
      if (targets === undefined)
        throw fail('model_not_found', `no provider serves the model "${shorten(model)}"`, { param: 'model' })
      return { alias: model, targets }
    },
    knows: (provider, model) => provider.models.some(({ id }) => id === model),
  }
}

function matches(pattern: string, model: string): boolean {
  return pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern
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

function aliasTarget(byName: ReadonlyMap<string, LoadedProvider>, alias: string, target: string): Target {
  const slash = target.indexOf('/')
  const provider = byName.get(slash < 0 ? target : target.slice(0, slash))
  if (provider === undefined)
    throw fail('invalid_request', `the alias "${alias}" leads to "${target}", but no provider has that name`)
  const model = slash < 0 ? provider.record.defaultModel : target.slice(slash + 1)
  if (model === '') throw fail('invalid_request', `the alias "${alias}" leads to "${target}", which names no model`)
  return { provider, model }
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
