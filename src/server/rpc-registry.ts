import type { HandlerContext } from '@connectrpc/connect'
import type { Core } from '../core/contract.ts'
import type { RegistryOperations } from '../dialects/surface.ts'
import { fail } from '../error/index.ts'
import type { Offered } from './policy.ts'
import { surfaceOf } from './rpc-call.ts'

/** Serves `RegistryService`. */
export function registryService(core: Core): Offered<'RegistryService'> {
  const registry = (context: HandlerContext): RegistryOperations => surfaceOf(core, context).registry
  return {
    listProviders: (_request, context) => ({ providers: [...registry(context).providers()] }),
    getProvider: ({ idOrName }, context) => {
      const providers = registry(context).providers()
      const found = providers.find(({ id }) => id === idOrName) ?? providers.find(({ name }) => name === idOrName)
      if (found === undefined)
        throw fail('not_found', `no provider ${JSON.stringify(idOrName)}`, { param: 'id_or_name' })
      return found
    },
    createProvider: (request, context) => registry(context).createProvider(request),
    updateProvider: (request, context) => registry(context).updateProvider(request),
    deleteProvider: async ({ idOrName }, context) => ({
      id: await registry(context).deleteProvider(idOrName),
    }),
    syncModels: async ({ provider }, context) => ({
      models: [...(await registry(context).syncModels(provider))],
    }),
    listAliases: (_request, context) => ({ aliases: [...registry(context).aliases()] }),
    setAlias: ({ alias }, context) => {
      if (alias === undefined) throw fail('invalid_request', 'alias is required', { param: 'alias' })
      return registry(context).setAlias(alias)
    },
    deleteAlias: async ({ name }, context) => {
      await registry(context).deleteAlias(name)
      return {}
    },
  }
}
