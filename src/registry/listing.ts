import type { Model } from '#gen/switchyard/v1/registry_pb.ts'
import { authorize } from '../core/admit.ts'
import type { AliasRule, LoadedProvider, Principal } from '../core/contract.ts'
import type { LiveRegistry } from '../core/live.ts'
import { isNamed } from '../dialects/model-names.ts'
import type { RegistryOperations } from '../dialects/surface.ts'
import { fail } from '../error/index.ts'
import { firstTarget } from './kinds.ts'

/** What of the registry one caller may see. */
export function registryListing(
  live: LiveRegistry,
  principal: Principal,
): Pick<RegistryOperations, 'models' | 'model' | 'providers'> {
  const visible = (name: string, full: string): boolean =>
    principal.models.length === 0 || isNamed(name, principal.models) || isNamed(full, principal.models)
  const everyModel = (): Model[] => {
    const { providers, aliases } = live.current
    return [...aliasModels(aliases, visible), ...providers.flatMap((provider) => modelsOf(provider, visible))]
  }
  return {
    providers() {
      authorize(principal, 'providers:read')
      return live.current.providers.map(({ record }) => record)
    },
    models(idOrName) {
      if (idOrName === undefined) return everyModel()
      const provider = live.current.provider(idOrName)
      if (provider === undefined) throw fail('not_found', `there is no provider "${idOrName.slice(0, 128)}"`)
      return modelsOf(provider, visible)
    },
    model(name) {
      const listed = everyModel().find(({ id }) => id === name)
      const target = listed === undefined ? firstTarget(live.current, name) : undefined
      if (target === undefined) return listed
      const { provider, model } = target
      const known = live.current.model(provider, model)
      const full = `${provider.record.name}/${model}`
      return known && visible(name, full) ? { ...known, id: name, provider: provider.record.name } : undefined
    },
  }
}

type Visible = (name: string, full: string) => boolean

/** The models of a provider, by names that can be asked for. */
function modelsOf({ record: { name }, models, synced = [] }: LoadedProvider, visible: Visible): Model[] {
  return [...models, ...synced]
    .filter(({ id }) => visible(id, `${name}/${id}`))
    .map((model) => ({ ...model, id: `${name}/${model.id}`, provider: name }))
}

/** Aliases are models to a client; a pattern is not, since it has no name to ask for. */
function aliasModels(aliases: readonly AliasRule[], visible: Visible): Model[] {
  return aliases
    .filter(({ name }) => !name.endsWith('*') && visible(name, name))
    .map(({ name }) => ({
      $typeName: 'switchyard.v1.Model',
      id: name,
      provider: '',
      operations: ['chat'],
      contextTokens: 0n,
      maxOutputTokens: 0n,
      inputModalities: [],
      outputModalities: [],
      ownedBy: 'switchyard',
    }))
}
