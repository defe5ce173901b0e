import type { Catalog } from '../catalog/catalog.ts'
import type { Target } from '../core/contract.ts'
import type { LiveRegistry } from '../core/live.ts'

/**
 * The most tokens that a model can write: as its provider said when it was asked for its models, or else as the catalog knows.
 * Undefined when neither does.
 */
export function outputLimits(
  live: Pick<LiveRegistry, 'current'>,
  catalog: Pick<Catalog, 'model'>,
): (target: Target) => number | undefined {
  return ({ provider, model }) => {
    const told = Number(live.current.model(provider, model)?.maxOutputTokens ?? 0n)
    return told > 0 ? told : catalog.model(provider.vendor ?? provider.record.type, model)?.maxOutputTokens
  }
}
