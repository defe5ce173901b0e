import type { Principal } from '../core/contract.ts'
import type { RegistryOperations } from '../dialects/surface.ts'
import { deleteAlias, listAliases, setAlias } from './alias-changes.ts'
import { type ChangeParts, createProvider, deleteProvider, updateProvider } from './changes.ts'
import { registryListing } from './listing.ts'

/** What the registry shows and does for one caller. */
export function registryOperations(parts: ChangeParts, principal: Principal): RegistryOperations {
  return {
    ...registryListing(parts.live, principal),
    createProvider: (request) => createProvider(request, parts),
    updateProvider: (request) => updateProvider(request, parts),
    deleteProvider: (idOrName) => deleteProvider(idOrName, parts),
    aliases: () => listAliases(parts.live),
    setAlias: (alias) => setAlias(alias, parts),
    deleteAlias: (name) => deleteAlias(name, parts),
  }
}
