import type { Catalog } from '../catalog/catalog.ts'
import { namedOperations } from '../catalog/operations.ts'
import type { Target } from '../core/contract.ts'
import type { LiveRegistry } from '../core/live.ts'

/**
 * What a model is for, by any name that clients may ask for: the methods of the inference contract that its provider lists for it and
 * that the catalog knows of, or else that its name speaks for. Empty for a name that leads nowhere or tells nothing.
 */
export function modelKinds(
  live: Pick<LiveRegistry, 'current'>,
  catalog: Pick<Catalog, 'model'>,
): (model: string) => readonly string[] {
  return (name) => {
    const { current } = live
    const target = firstTarget(current, name)
    if (target === undefined) return []
    const { provider, model } = target
    const listed = current.model(provider, model)?.operations ?? []
    const known = catalog.model(provider.vendor ?? provider.record.type, model)?.operations ?? []
    const kinds = [...new Set([...listed, ...known])]
    return kinds.length > 0 ? kinds : namedOperations(model)
  }
}

/** Where a name leads first; undefined for one that leads nowhere, which is refused when it is asked for. */
export function firstTarget(registry: LiveRegistry['current'], name: string): Target | undefined {
  try {
    return registry.resolve(name, '').targets[0]
  } catch {
    return undefined
  }
}
