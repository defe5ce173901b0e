import type { Model } from '#gen/switchyard/v1/registry_pb.ts'
import type { Surface } from '../dialects/surface.ts'
import { fail } from '../error/index.ts'
import { authorize, type Keys, matchesAny } from './admit.ts'
import { type CallSharing, Chat } from './call.ts'
import type { AliasRule, Core, Principal } from './contract.ts'
import { countTokens } from './count.ts'
import { recordRefusal } from './meter.ts'
import { RetryBudget } from './retry.ts'

/** What a core is made of. */
export interface CoreParts extends Omit<CallSharing, 'budgets'> {
  readonly keys: Keys
  readonly aliases: readonly AliasRule[]
}

/** Puts the core together: what the edge calls, and nothing it could reach around. */
export function createCore(parts: CoreParts): Core {
  const budgets = new Map(
    parts.registry.providers.map(({ record }) => [record.id, new RetryBudget(parts.retries.budget)]),
  )
  const shared: CallSharing = { ...parts, budgets }
  return {
    authenticate: (token) => parts.keys.authenticate(token),
    authorize,
    chat: (input) => new Chat(input, shared),
    countTokens: (input) => countTokens(input, shared),
    refuse: (refusal) => recordRefusal(parts.recorder, refusal),
    surface: (principal) => surfaceOf(parts, principal),
  }
}

function surfaceOf({ registry, aliases }: CoreParts, principal: Principal): Surface {
  const visible = (name: string, full: string): boolean =>
    principal.models.length === 0 || matchesAny(principal.models, name) || matchesAny(principal.models, full)
  const operations: Surface['registry'] = {
    providers() {
      authorize(principal, 'providers:read')
      return registry.providers.map(({ record }) => record)
    },
    models(provider) {
      const wanted = registry.providers.filter(
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
  return { registry: operations }
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
