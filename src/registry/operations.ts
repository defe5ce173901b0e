import type { Model } from '#gen/switchyard/v1/registry_pb.ts'
import { authorize, matchesAny } from '../core/admit.ts'
import type { AliasRule, Principal } from '../core/contract.ts'
import type { LiveRegistry } from '../core/live.ts'
import type { Surface } from '../dialects/surface.ts'
import { fail } from '../error/index.ts'

/** What the registry shows and does for one caller. */
export function registryOperations(live: LiveRegistry, principal: Principal): Surface['registry'] {
  const visible = (name: string, full: string): boolean =>
    principal.models.length === 0 || matchesAny(principal.models, name) || matchesAny(principal.models, full)
  return {
    providers() {
      authorize(principal, 'providers:read')
      return live.current.providers.map(({ record }) => record)
    },
    models(provider) {
      const { providers, aliases } = live.current
      const wanted = providers.filter(
        ({ record }) => provider === undefined || record.id === provider || record.name === provider,
      )
      if (provider !== undefined && wanted.length === 0) throw fail('not_found', `there is no provider "${provider}"`)
      const named = wanted.flatMap(({ record, models }) =>
        models
          .filter(({ id }) => visible(id, `${record.name}/${id}`))
          .map((model) => ({ ...model, id: `${record.name}/${model.id}`, provider: record.name })),
      )
      return provider === undefined ? [...aliasModels(aliases, visible), ...named] : named
    },
  }
}

/** Aliases are models to a client; a pattern is not, since it has no name to ask for. */
function aliasModels(aliases: readonly AliasRule[], visible: (name: string, full: string) => boolean): Model[] {
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
