import type { Core } from '../core/contract.ts'
import { fail } from '../error/index.ts'
import type { Offered } from './policy.ts'
import { surfaceOf } from './rpc-call.ts'

/** Serves `RegistryService`. */
export function registryService(core: Core): Offered<'RegistryService'> {
  return {
    listProviders: (_request, context) => ({ providers: [...surfaceOf(core, context).registry.providers()] }),
    getProvider: ({ idOrName }, context) => {
      const providers = surfaceOf(core, context).registry.providers()
      const found = providers.find(({ id, name }) => id === idOrName || name === idOrName)
      if (found === undefined)
        throw fail('not_found', `no provider ${JSON.stringify(idOrName)}`, { param: 'id_or_name' })
      return found
    },
  }
}
