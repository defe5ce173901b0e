import type { Principal } from '../core/contract.ts'
import type { RegistryOperations } from '../dialects/surface.ts'
import { deleteAlias, listAliases, setAlias } from './alias-changes.ts'
import { createProvider, deleteProvider, updateProvider } from './changes.ts'
import { registryListing } from './listing.ts'
import { type SyncParts, syncModels } from './sync.ts'

/** What the registry shows and does for one caller. */
export function registryOperations(parts: SyncParts, principal: Principal): RegistryOperations {
  const listing = registryListing(parts.live, principal)
  return {
    ...listing,
    createProvider: (request) => createProvider(request, parts),
    updateProvider: (request) => updateProvider(request, parts),
    deleteProvider: (idOrName) => deleteProvider(idOrName, parts),
    async syncModels(provider) {
      await syncModels(provider, parts)
      return listing.models(provider)
    },
    aliases: () => listAliases(parts.live),
    setAlias: (alias) => setAlias(alias, parts),
    deleteAlias: (name) => deleteAlias(name, parts),
  }
}
